import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unmountTree } from '../../src/overlay/mount.js';
import { openStore } from '../../src/store/index.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { fixture, runFile } from './run.js';

const main = join(dirname(fixture), '../../src/cli/main.js');

function place(t: ExecutionContext, ...names: string[]) {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const env = { LAYERHOOK_STORE: join(dir, 'store'), XDG_CONFIG_HOME: dir };
  const layerhook = (...args: string[]) => runFile(main, args, env);
  const bundle = (...args: string[]) => layerhook('--verbose', 'bundle', ...args);
  const image = buildImage(t, [[{ name: 'd/f', content: 'x' }]], { tag: 'v1' });
  const bundles = names.map((name) => join(dir, name));
  for (const path of bundles) layerhook('unpack', '--image', image.reference, path);
  return { dir, layerhook, bundle, bundles, image, store: env.LAYERHOOK_STORE };
}

rootTest('several bundles are removed, and one that fails does not keep the others', (t) => {
  const { dir, bundle, bundles } = place(t, 'one', 'two');
  const [one, two] = bundles as [string, string];
  const none = join(dir, 'none');
  const { status, stdout, stderr } = bundle('rm', one, none, two);
  t.is(status, 3);
  t.is(stdout, '');
  t.regex(
    stderr,
    new RegExp(`removed ${one}\n.*no bundle at ${none}: .*; create one with.*\n.*removed ${two}\n`),
  );
  t.false(existsSync(one) || existsSync(two));
  t.is(bundle('remove', '-f', none).status, 0);
});

rootTest('bundles of the copy driver have nothing to mount', (t) => {
  const { bundle, bundles, store } = place(t, 'one');
  const [one] = bundles as [string];
  t.like(bundle('mount', one), { status: 0, stderr: `layerhook: ${one} has nothing to mount\n` });
  t.like(bundle('unmount', one), { status: 0, stderr: `layerhook: ${one} has nothing to unmount\n` });
  t.is(bundle('ls').stdout, 'STATE  IMAGE  CHANGES  BUNDLE\n');
  t.is(bundle('list', '--json').stdout, '[]\n');
  t.false(existsSync(store), 'listing makes no store');
});

rootTest(
  '--all takes every bundle of the store that has to be mounted, or unmounted, also if one fails',
  (t) => {
    const { dir, layerhook, bundle, image, store } = place(t);
    t.like(bundle('mount', '--all'), {
      status: 0,
      stderr: `layerhook: layer store not found at ${store}\nlayerhook: unmounted bundles of the store: 0 of 0\n`,
    });
    const [one, two, bad, gone] = ['1', '2', 'bad', 'gone'].map((name) => join(dir, name)) as string[];
    for (const path of [one!, two!, bad!, gone!]) {
      t.is(layerhook('unpack', '--driver', 'overlay', '--image', image.reference, path).status, 0);
      writeFileSync(join(path, 'rootfs/changed'), path);
    }
    t.is(bundle('umount', '--all').status, 0);
    t.deepEqual(states(), {
      [one!]: 'unmounted',
      [two!]: 'unmounted',
      [bad!]: 'unmounted',
      [gone!]: 'unmounted',
    });
    t.is(bundle('umount', '--all').status, 0);
    rmSync(gone!, { recursive: true });
    writeFileSync(join(bad!, 'layerhook.json'), '{');

    const { status, stderr } = bundle('mount', '--all');
    t.is(status, 5);
    t.regex(
      stderr,
      new RegExp(
        `unmounted bundles of the store: 3 of 4\n.*mounted ${one}\n.*mounted ${two}\n.*bundle ${bad} cannot be used`,
      ),
    );
    t.deepEqual(states(), { [one!]: 'mounted', [two!]: 'mounted', [bad!]: 'unmounted', [gone!]: 'missing' });
    for (const path of [one!, two!]) t.is(readFileSync(join(path, 'rootfs/changed'), 'utf8'), path);
    t.regex(
      bundle('umount', '--all').stderr,
      new RegExp(`^.*mounted bundles of the store: 2 of 4\n.*unmounted ${one}\n.*unmounted ${two}\n$`),
    );

    function states() {
      const entries: { bundle: string; state: string }[] = JSON.parse(bundle('ls', '--json').stdout);
      return Object.fromEntries(entries.map(({ bundle, state }) => [bundle, state]));
    }
  },
);

test('a bundle without a rootfs, as a killed removal leaves it, is refused until it is removed', (t) => {
  const { layerhook, bundle, image, dir } = place(t);
  const at = join(dir, 'b');
  t.is(layerhook('unpack', '--rootless', '--image', image.reference, at).status, 0);
  rmSync(join(at, 'rootfs'), { recursive: true });
  t.regex(bundle('mount', at).stderr, /its rootfs is missing; .*bundle rm/);
  t.is(bundle('rm', at).status, 0);
});

test('a command without a bundle says what it lacks', (t) => {
  const { bundle } = place(t);
  for (const command of ['mount', 'umount', 'rm'])
    t.regex(bundle(command).stderr, new RegExp(`missing BUNDLE; see layerhook bundle ${command} --help`));
  t.regex(bundle('rm', '').stderr, /missing BUNDLE/);
  t.regex(
    bundle('mount', '--all', 'x').stderr,
    /give either bundles or --all; see layerhook bundle mount --help/,
  );
  t.regex(bundle('ls', 'x').stderr, /positional/);
});

rootTest('ls shows the bundles of the store: mounted, unmounted and missing', async (t) => {
  const { dir, bundle, bundles, store } = place(t, 'un: mounted', 'plain');
  const opened = await openStore({ root: store });
  for (const path of [...bundles, join(dir, 'gone')]) {
    const labels = {
      'layerhook/bundle': path,
      'layerhook/reference': 'old',
      'layerhook/manifest': 'sha256:1234',
    };
    await opened.prepare(`bundle:${path}#1`, '', { labels });
  }
  await opened.prepare('another', '');
  const { mountAll } = await import('../../src/overlay/mount.js');
  await mountAll(await opened.mounts(`bundle:${bundles[1]}#1`), join(bundles[1]!, 'rootfs'));
  writeFileSync(join(bundles[1]!, 'rootfs/big'), 'x'.repeat(100_000));
  await opened.close();
  const listed = JSON.parse(bundle('ls', '--json').stdout);
  t.like(listed[0], {
    bundle: join(dir, 'gone'),
    state: 'missing',
    image: { tag: 'old', digest: 'sha256:1234' },
  });
  t.like(listed[1], { bundle: bundles[1], state: 'mounted', image: { tag: 'v1' } });
  t.true(listed[1].bytes >= 100_000);
  t.like(listed[2], { bundle: bundles[0], state: 'unmounted', key: `bundle:${bundles[0]}#1` });
  t.is(listed.length, 3);
  const lines = bundle('ls').stdout.split('\n');
  t.regex(lines[2]!, /^mounted {4}v1@[0-9a-f]{12} {2}10\d\.\d kB +\/\S+\/plain$/);
  const gone = join(dir, 'gone');
  t.like(bundle('rm', '--force', gone), { status: 0, stderr: `layerhook: removed ${gone}\n` });
  t.like(bundle('rm', '--force', gone), { status: 0, stderr: `layerhook: no bundle found at ${gone}\n` });
  t.is(JSON.parse(bundle('ls', '--json').stdout).length, 2);
});
