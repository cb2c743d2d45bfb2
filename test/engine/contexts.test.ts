/** What hooks get from the operations: absolute paths, names of trees, and the state that they keep with a bundle. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { pointNames, pointRow } from '../../src/points/table.js';
import { layerhook, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

type Context = Record<string, unknown> & { point: string };

const afterwards = pointNames.filter((point) => /^(unpack|repack|bundle)/.test(point));

/** A bundle, and a program that is a hook at all points; `body` follows the line that notes the context. */
function setup(t: ExecutionContext<unknown>, body: string) {
  const dir = tmpdir(t);
  const seen = join(dir, 'seen');
  const program = join(dir, 'hook');
  writeFileSync(program, `#!/bin/sh\nin=$(cat); printf '%s\\n' "$in" >> ${seen}\n${body}\nexit 77\n`);
  chmodSync(program, 0o755);
  const hooks = join(dir, 'hooks.toml');
  writeFileSync(
    hooks,
    `[[hook]]\npoint = ${JSON.stringify(afterwards)}\nexec = [${JSON.stringify(program)}]\n`,
  );
  const image = buildImage(t, [[{ name: 'a', content: '1' }], [{ name: 'b', content: '2' }]]);
  // as a user types it: relative to the working directory
  const cwd = dirname(image.layout);
  const reference = `${basename(image.layout)}:latest`;
  const call = (...args: string[]) => layerhook(['--hooks', hooks, ...args], { cwd });
  const contexts = () => {
    const lines = readFileSync(seen, 'utf8').trim().split('\n');
    writeFileSync(seen, '');
    return lines.map((line) => JSON.parse(line) as Context);
  };
  const bundle = join(dir, 'bundle');
  return { dir, hooks, cwd, reference, call, contexts, bundle, layout: image.layout };
}

/** All strings of a context that its point calls a path. */
function pathsIn(context: Context): [string, string][] {
  const fields = Object.entries(pointRow(context.point as (typeof pointNames)[number]).context);
  return fields.flatMap(([name, { type }]) => {
    const value = context[name];
    if (type === 'path' || (type === 'path or null' && value !== null)) return [[name, value as string]];
    if (type === 'image layers')
      return (value as { blob: string }[]).map(({ blob }): [string, string] => [name, blob]);
    return type === 'paths' ? (value as string[]).map((path): [string, string] => [name, path]) : [];
  });
}

rootTest('all paths of all contexts are absolute, however the image and the bundle were named', async (t) => {
  const { cwd, reference, call, contexts } = setup(t, '');
  await succeed(t, call('unpack', '--image', reference, 'b'));
  writeFileSync(join(cwd, 'b/rootfs/new'), 'x');
  await succeed(t, call('repack', '--refresh-bundle', '--image', reference, 'b'));
  for (const command of ['mount', 'umount', 'rm']) await succeed(t, call('bundle', command, 'b'));
  const all = contexts();
  t.deepEqual([...new Set(all.map(({ point }) => point))].sort(), [...afterwards].sort());
  for (const context of all)
    for (const [name, path] of pathsIn(context))
      t.true(path.startsWith('/'), `${context.point}: ${name} ${path}`);
});

rootTest('treeID names the tree: the same for the same tree, at each point', async (t) => {
  const { cwd, reference, call, contexts } = setup(t, '');
  const ids = async (bundle: string, ...more: string[]) => {
    await succeed(t, call('unpack', '--image', reference, ...more, bundle));
    const [first, ...others] = contexts() as [Context, ...Context[]];
    const treeIDs = first.treeIDs as string[];
    for (const { point, treeID, treeIDs: same, index, layers } of [first, ...others]) {
      if (treeID === undefined) continue;
      t.deepEqual(same, treeIDs, point);
      t.is(treeID as string, treeIDs[(index as number | undefined) ?? 1] ?? '', point);
      t.deepEqual(
        (layers as { treeID: string }[]).map((layer) => layer.treeID),
        treeIDs,
      );
    }
    return treeIDs;
  };
  const plain = await ids('plain');
  t.deepEqual(await ids('same'), plain);
  const linked = await ids('linked', '--keep-dirlinks');
  const mapped = await ids('mapped', '--uid-map', '0:1000:1000', '--gid-map', '0:1000:1000');
  t.is(new Set([...plain, ...linked, ...mapped]).size, 6);
  for (const id of [...plain, ...linked, ...mapped]) t.regex(id, /^sha256-[0-9a-f]{64}(-[0-9a-f]{16})?$/);
  // a later command knows how the bundle was unpacked
  writeFileSync(join(cwd, 'linked/rootfs/new'), 'x');
  await succeed(t, call('repack', '--image', reference, 'linked'));
  t.deepEqual(contexts()[0]?.treeIDs, linked);
});

rootTest('reference is the tag under which the image of the context was found', async (t) => {
  const { cwd, reference, call, contexts } = setup(t, '');
  await succeed(t, call('unpack', '--image', reference, 'b'));
  writeFileSync(join(cwd, 'b/rootfs/new'), 'x');
  contexts();
  await succeed(t, call('repack', '--refresh-bundle', '--image', reference.replace('latest', 'next'), 'b'));
  const found = Object.fromEntries(contexts().map(({ point, reference: tag }) => [point, tag]));
  t.is(found['repack.ociv1.layer.delta-list'], 'latest');
  t.is(found['repack.ociv1.layer.refresh-bundle'], 'next');
});

rootTest(
  'a program keeps a state with the bundle from point to point, and from command to command',
  async (t) => {
    const body = `value() { printf '%s' "$in" | sed -n 's/.*"'$1'":\\([0-9]*\\).*/\\1/p'; }
case $1 in
*post-extract) echo '{"state": {"layer'$(value index)'": 1, "mounts": 0}}'; exit 0;;
*assemble) echo '{"state": {"layer0": null, "assembled": [{"x": null}]}}'; exit 0;;
*.mount) echo '{"state": {"mounts": '$(($(value mounts) + 1))'}}'; exit 0;;
esac`;
    const { cwd, hooks, reference, call, contexts } = setup(t, body);
    const last = () => contexts().at(-1)?.state;
    await succeed(t, call('unpack', '--image', reference, 'b'));
    t.deepEqual(last(), { layer1: 1, mounts: 0, assembled: [{ x: null }] });
    await succeed(t, call('bundle', 'mount', 'b'));
    // a comment moves the table to another line
    writeFileSync(hooks, `# mine\n${readFileSync(hooks, 'utf8')}`);
    await succeed(t, call('bundle', 'mount', 'b'));
    t.like(last(), { mounts: 1 });
    // what another user may have written does not count
    chmodSync(join(cwd, 'b/layerhook.json'), 0o666);
    await succeed(t, call('bundle', 'mount', 'b'));
    t.deepEqual(last(), {});
    chmodSync(join(cwd, 'b/layerhook.json'), 0o644);
    await succeed(t, call('bundle', 'rm', 'b'));
    t.deepEqual(last(), { layer1: 1, mounts: 2, assembled: [{ x: null }] });
  },
);

rootTest('a state that is too large or of another kind is refused, and no bundle is left', async (t) => {
  for (const [answer, reason] of [
    [
      `{"state": {"x": "'$(head -c 70000 /dev/zero | tr '\\0' x)'"}}`,
      /state: 700\d\d bytes of JSON, at most 65536 are kept/,
    ],
    ['{"state": 7}', /state: expected an object, got 7/],
    ['{"unpack": true}', /unpack: only at repack\.ociv1\.layer\.refresh-bundle/],
    ['{"skip": true}', /expected nothing, got \{"skip":true\}/],
  ] as const) {
    const { reference, call } = setup(t, `case $1 in *post-extract) echo '${answer}'; exit 0;; esac`);
    const { status, stderr } = await call('unpack', '--image', reference, 'b');
    t.is(status, 7);
    t.regex(stderr, reason);
  }
});

rootTest('refresh-bundle: {"unpack": true} takes the new layer through the points of unpack', async (t) => {
  const { cwd, reference, call, contexts } = setup(
    t,
    `case $1 in *refresh-bundle) echo '{"unpack": true}'; exit 0;; esac`,
  );
  await succeed(t, call('unpack', '--keep-dirlinks', '--image', reference, 'b'));
  contexts();
  writeFileSync(join(cwd, 'b/rootfs/new'), 'x');
  await succeed(t, call('repack', '--refresh-bundle', '--image', reference, 'b'));
  const layers = contexts().filter(({ point }) => point.startsWith('unpack.'));
  t.deepEqual(
    layers.map(({ point, index, keepDirlinks }) => [point.split('.').at(-1), index, keepDirlinks]),
    ['try-skip', 'pre-extract', 'post-extract'].map((point) => [point, 2, true]),
  );
  // nothing changed: nothing to unpack
  await succeed(t, call('repack', '--refresh-bundle', '--image', reference, 'b'));
  t.deepEqual(
    contexts().filter(({ point }) => point.startsWith('unpack.')),
    [],
  );
});
