/** Programs of hooks.toml at every point, by the command line: good ones, and all kinds of bad ones. */
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isRunning } from '../helpers/at-work.js';
import { layerhook, succeed } from '../helpers/cli.js';
import { assertError } from '../helpers/hostile.js';
import { buildImage, type RawLayer } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { treeOf } from '../helpers/tree.js';
import { until } from '../helpers/until.js';

const layers: RawLayer[] = [
  [
    { name: 'etc/', type: 'dir' },
    { name: 'etc/one', content: 'one' },
  ],
  [{ name: 'etc/two', content: 'two' }],
];
const trySkip = 'unpack.ociv1.layer.try-skip';

interface Setting {
  dir: string;
  toml: string;
  bundles: string;
  unpack: string[];
  repack: string[];
}

/** An image, and a hooks.toml with one program of that shell script. */
function setting(t: ExecutionContext, script: string, point: string | string[], keys = ''): Setting {
  const dir = tmpdir(t);
  const program = join(dir, 'program');
  writeFileSync(program, `#!/bin/sh\nexec 3>>'${dir}/log'\n${script}\n`);
  chmodSync(program, 0o755);
  const toml = join(dir, 'hooks.toml');
  const text = `[[hook]]\npoint = ${JSON.stringify(point)}\nexec = ["${program}", "argument"]\n${keys}\n`;
  writeFileSync(toml, text, { mode: 0o644 });
  const { layout, reference } = buildImage(t, layers);
  const bundles = tmpdir(t);
  const bundle = join(bundles, 'b');
  return {
    dir,
    toml,
    bundles,
    unpack: ['--hooks', toml, 'unpack', '--image', reference, bundle],
    repack: ['--hooks', toml, 'repack', '--image', `${layout}:new`, bundle],
  };
}

test('every point is called in its order, with its context', async (t) => {
  if (!requires(t, 'root', 'jq')) return;
  const points = [
    trySkip,
    'unpack.ociv1.layer.pre-extract',
    'unpack.ociv1.layer.post-extract',
    'unpack.ociv1.bundle.assemble',
    'unpack.ociv1.bundle.config',
    'repack.ociv1.layer.delta-list',
    'repack.ociv1.layer.refresh-bundle',
  ];
  const script = `jq -r '[.point, (.index // "-"), (.rootfs | sub(".*/"; "")), (.config.rootfs.diff_ids | length)] | join(" ")' >&3
    [ "$2" = unpack.ociv1.layer.post-extract ] || exit 77`;
  const { dir, unpack, repack } = setting(t, script, points);
  await succeed(t, layerhook(unpack));
  writeFileSync(join(unpack.at(-1)!, 'rootfs/etc/three'), 'three');
  await succeed(t, layerhook([...repack.slice(0, 3), '--refresh-bundle', ...repack.slice(3)]));
  const log = readFileSync(join(dir, 'log'), 'utf8').trim().split('\n');
  t.deepEqual(
    log.map((line) => line.replace(/^\w+\.ociv1\./, '')),
    [
      'layer.try-skip 0 rootfs 2',
      'layer.pre-extract 0 rootfs 2',
      'layer.post-extract 0 rootfs 2',
      'layer.try-skip 1 rootfs 2',
      'layer.pre-extract 1 rootfs 2',
      'layer.post-extract 1 rootfs 2',
      'bundle.assemble - rootfs 2',
      'bundle.config - rootfs 2',
      'layer.delta-list - rootfs 2',
      'layer.refresh-bundle - rootfs 3',
    ],
  );
});

test('a layer that a hook skips is not read: its blob may be missing', async (t) => {
  if (!requires(t, 'root', 'jq')) return;
  const script = `context=$(cat)
    [ "$(printf %s "$context" | jq .index)" = 1 ] || exit 77
    rm "$(printf %s "$context" | jq -r .blob)"
    printf hooked > "$(printf %s "$context" | jq -r .rootfs)/etc/two"
    echo '{"skip": true}'`;
  const { unpack } = setting(t, script, trySkip);
  await succeed(t, layerhook(unpack));
  t.is(readFileSync(join(unpack.at(-1)!, 'rootfs/etc/one'), 'utf8'), 'one');
  t.is(readFileSync(join(unpack.at(-1)!, 'rootfs/etc/two'), 'utf8'), 'hooked');
});

test('a hook changes config.json', async (t) => {
  if (!requires(t, 'root', 'jq')) return;
  const { unpack } = setting(t, `jq -c '.spec + {hostname: "hooked"}'`, 'unpack.ociv1.bundle.config');
  await succeed(t, layerhook(unpack));
  const spec = JSON.parse(readFileSync(join(unpack.at(-1)!, 'config.json'), 'utf8')) as { hostname: string };
  t.is(spec.hostname, 'hooked');
});

rootTest('a hook lists what changed, and nothing else is packed', async (t) => {
  const { dir, unpack, repack } = setting(t, `printf 'etc/new\\n'`, 'repack.ociv1.layer.delta-list');
  await succeed(t, layerhook(unpack));
  const rootfs = join(unpack.at(-1)!, 'rootfs');
  for (const name of ['new', 'unlisted']) writeFileSync(join(rootfs, 'etc', name), name);
  await succeed(t, layerhook(repack));
  const again = join(dir, 'again');
  await succeed(t, layerhook(['unpack', '--image', repack.at(-2)!, again]));
  t.deepEqual(readdirSync(join(again, 'rootfs/etc')), ['new', 'one', 'two']);
});

for (const [what, script, code, reason, keys] of [
  ['fails', 'echo the disk is on fire >&2; exit 3', 'HOOK_FAILED', /program.*the disk is on fire/],
  ['is killed', 'kill -9 $$', 'HOOK_FAILED', /SIGKILL/],
  ['prints garbage', 'echo garbage', 'HOOK_RESULT', /garbage|JSON/],
  ['prints JSON of something else', 'echo "[1]"', 'HOOK_RESULT', /skip|object/],
  ['prints nothing', 'exit 0', 'HOOK_RESULT', /./],
  ['prints without end', 'cat /dev/zero', 'HOOK_RESULT', /./],
  ['hangs', 'sleep 60', 'HOOK_TIMEOUT', /1 s/, 'timeout = 1'],
] as const) {
  rootTest(
    `a hook that ${what} ends unpack: the hook, the point and the layer are named, no bundle is left`,
    async (t) => {
      const { bundles, unpack } = setting(t, script, trySkip, keys);
      const finished = await layerhook(unpack);
      const last = finished.stderr.trimEnd().split('\n').at(-1)!;
      assertError(t, { ...finished, stderr: `${last}\n` }, code);
      t.regex(last, reason);
      t.regex(last, /hooks\.toml:1 .*try-skip.*sha256:[0-9a-f]{64}/);
      t.deepEqual(readdirSync(bundles), []);
    },
  );
}

rootTest('a hook that fails after extraction leaves no bundle either', async (t) => {
  for (const point of [
    'unpack.ociv1.layer.post-extract',
    'unpack.ociv1.bundle.assemble',
    'unpack.ociv1.bundle.config',
  ]) {
    const { bundles, unpack } = setting(t, 'exit 1', point);
    const finished = await layerhook(unpack);
    t.regex(finished.stderr, new RegExp(`hooks\\.toml:1 .* failed at ${point}`));
    t.deepEqual(readdirSync(bundles), [], point);
  }
});

rootTest('a hook that fails at repack leaves layout and bundle unchanged', async (t) => {
  const { bundles, unpack, repack } = setting(t, 'exit 1', 'repack.ociv1.layer.delta-list');
  await succeed(t, layerhook(unpack));
  writeFileSync(join(bundles, 'b/rootfs/new'), 'new');
  const layout = repack.at(-2)!.replace(/:new$/, '');
  const before = [treeOf(bundles), treeOf(layout)];
  assertError(t, await layerhook(repack), 'HOOK_FAILED');
  t.deepEqual([treeOf(bundles), treeOf(layout)], before);
});

rootTest(
  'on-failure: a delta list that fails falls back to the manifest, an every point goes on',
  async (t) => {
    const mtree = setting(t, 'exit 1', 'repack.ociv1.layer.delta-list', 'on-failure = "mtree"');
    await succeed(t, layerhook(mtree.unpack));
    writeFileSync(join(mtree.bundles, 'b/rootfs/new'), 'new');
    await succeed(t, layerhook(mtree.repack));
    const again = join(mtree.dir, 'again');
    await succeed(t, layerhook(['unpack', '--image', mtree.repack.at(-2)!, again]));
    t.true(existsSync(join(again, 'rootfs/new')));

    const goesOn = setting(t, 'exit 1', 'unpack.ociv1.layer.post-extract', 'on-failure = "continue"');
    await succeed(t, layerhook(goesOn.unpack));
  },
);

rootTest(
  'a hook that is missing, or may be written by others, is found before anything is done',
  async (t) => {
    const missing = setting(t, 'exit 0', trySkip);
    writeFileSync(missing.toml, `[[hook]]\npoint = "${trySkip}"\nexec = ["/no/such/program"]\n`);
    const finished = await layerhook(missing.unpack);
    assertError(t, finished, 'CONFIG_INVALID');
    t.regex(finished.stderr, /hooks\.toml:3: .*\/no\/such\/program/);

    const open = setting(t, 'exit 0', trySkip);
    chmodSync(join(open.dir, 'program'), 0o777);
    assertError(t, await layerhook(open.unpack), 'CONFIG_INVALID');
    t.deepEqual([...readdirSync(missing.bundles), ...readdirSync(open.bundles)], []);
  },
);

rootTest('Ctrl-C while a hook runs ends both', async (t) => {
  const { dir, bundles, unpack } = setting(t, 'echo $$ >&3; exec sleep 60', trySkip);
  const finished = await layerhook(unpack, {
    started: async (pid) => {
      const log = join(dir, 'log');
      await until('the hook runs', () => existsSync(log) && statSync(log).size > 0);
      process.kill(pid, 'SIGINT');
    },
  });
  assertError(t, finished, 'ABORTED');
  const hook = Number(readFileSync(join(dir, 'log'), 'utf8'));
  t.false(isRunning(hook));
  t.deepEqual(readdirSync(bundles), []);
});
