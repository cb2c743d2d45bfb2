/** The main job on a real Debian, with umoci 0.4.7, skopeo and runc as judges. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { layerhook, run, succeed } from '../helpers/cli.js';
import { copyLayout, debian } from '../helpers/debian.js';
import { entriesOf, type LayerEntry } from '../helpers/layer.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, type Tree, treeOf } from '../helpers/tree.js';
import { findGomtree } from '../mtree/fixture.js';
import { applyChanges, changes, umociMisses } from './changes.js';

const test = anyTest as TestFn;

test('Debian unpacks to the tree that umoci makes', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'umoci', 'python3')) return;
  const dir = tmpdir(t);
  await unpack(t, 'layerhook', `${image.layout}:changed`, join(dir, 'ours'));
  await unpack(t, 'umoci', `${image.layout}:changed`, join(dir, 'umoci'));
  t.deepEqual(diffTrees(treeOf(join(dir, 'ours/rootfs')), treeOf(join(dir, 'umoci/rootfs'))), []);
  const own = readdirSync(join(dir, 'ours')).filter((name) => !name.startsWith('layerhook.'));
  t.deepEqual(own, readdirSync(join(dir, 'umoci')));
});

test('Debian of one layer unpacks to what debootstrap made', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'python3')) return;
  const bundle = join(tmpdir(t), 'bundle');
  await unpack(t, 'layerhook', `${image.layout}:base`, bundle);
  t.deepEqual(diffTrees(treeOf(join(bundle, 'rootfs')), treeOf(image.rootfs)), []);
});

test('an image that skopeo recompressed with zstd unpacks to the same tree', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'skopeo', 'python3')) return;
  const dir = tmpdir(t);
  const zstd = [
    'copy',
    '-q',
    '--dest-compress-format',
    'zstd',
    '--dest-compress',
    `oci:${image.layout}:base`,
  ];
  await succeed(t, run('skopeo', [...zstd, `oci:${dir}/zstd:base`]));
  const blob = readFileSync(await topLayer(t, `${dir}/zstd:base`));
  t.is(blob.readUInt32LE(0), 0xfd2fb528);
  await unpack(t, 'layerhook', `${dir}/zstd:base`, join(dir, 'bundle'));
  t.deepEqual(diffTrees(treeOf(join(dir, 'bundle/rootfs')), treeOf(image.rootfs)), []);
});

test('the manifest beside a bundle is true for gomtree', async (t) => {
  const image = debian(t);
  const gomtree = image && findGomtree(t);
  if (!gomtree) return;
  const bundle = join(tmpdir(t), 'bundle');
  await unpack(t, 'layerhook', `${image.layout}:changed`, bundle);
  const manifest = readdirSync(bundle).find((name) => name.endsWith('.mtree'))!;
  const checked = await run(gomtree, ['-p', join(bundle, 'rootfs'), '-f', join(bundle, manifest)]);
  t.deepEqual([checked.status, checked.stdout], [0, '']);
});

for (const unpacker of ['layerhook', 'umoci'] as const) {
  test(`many changes in a bundle by ${unpacker} become a layer with exactly these changes`, async (t) => {
    const image = debian(t);
    if (!image || !requires(t, 'umoci', 'skopeo', 'setfattr', 'mknod', 'python3')) return;
    const dir = tmpdir(t);
    const layout = copyLayout(t, image.layout);
    await unpack(t, unpacker, `${layout}:changed`, join(dir, 'bundle'));
    applyChanges(join(dir, 'bundle/rootfs'));
    const changed = treeOf(join(dir, 'bundle/rootfs'));
    await succeed(t, layerhook(['repack', '--image', `${layout}:new`, join(dir, 'bundle')]));

    const entries = entriesOf(await topLayer(t, `${layout}:new`));
    assertExactly(
      t,
      entries,
      changes.flatMap((change) => change.expect),
    );
    for (const tool of ['layerhook', 'umoci'] as const) {
      const again = join(dir, `again-${tool}`);
      await unpack(t, tool, `${layout}:new`, again);
      t.deepEqual(diffTrees(inSeconds(changed), inSeconds(treeOf(join(again, 'rootfs')))), [], tool);
    }
    await succeed(t, run('skopeo', ['copy', '-q', `oci:${layout}:new`, `oci:${dir}/copy:new`]));
  });
}

test('umoci repacks a bundle by layerhook to a layer with exactly the changes', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'umoci', 'setfattr', 'mknod', 'python3')) return;
  const dir = tmpdir(t);
  const layout = copyLayout(t, image.layout);
  await unpack(t, 'layerhook', `${layout}:changed`, join(dir, 'bundle'));
  const seen = changes.filter((change) => !umociMisses.has(change.what));
  applyChanges(join(dir, 'bundle/rootfs'), seen);
  await succeed(t, run('umoci', ['repack', '--image', `${layout}:new`, join(dir, 'bundle')]));
  const entries = entriesOf(await topLayer(t, `${layout}:new`));
  assertExactly(
    t,
    entries,
    seen.flatMap((change) => change.expect),
  );
});

for (const [unpacker, repacker] of [
  ['layerhook', 'layerhook'],
  ['umoci', 'layerhook'],
  ['layerhook', 'umoci'],
] as const) {
  test(`nothing changed: ${repacker} finds no change in a bundle by ${unpacker}`, async (t) => {
    const image = debian(t);
    if (!image || !requires(t, 'umoci', 'python3')) return;
    const layout = copyLayout(t, image.layout);
    const bundle = join(tmpdir(t), 'bundle');
    await unpack(t, unpacker, `${layout}:changed`, bundle);
    const repack = ['repack', '--image', `${layout}:same`, bundle];
    await succeed(t, repacker === 'umoci' ? run('umoci', repack) : layerhook(repack));
    t.deepEqual(await layersOf(t, `${layout}:same`), await layersOf(t, `${layout}:changed`));
  });
}

test('runc runs the bundle', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'runc')) return;
  const bundle = join(tmpdir(t), 'bundle');
  await unpack(t, 'layerhook', `${image.layout}:changed`, bundle);
  const spec = json(bundle, 'config.json') as { process: object };
  const args = ['/bin/sh', '-c', 'cat /etc/motd; id -u; echo $PATH'];
  spec.process = { ...spec.process, terminal: false, args };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  const runtime = ['--root', tmpdir(t), 'run', '-b', bundle, `layerhook-${process.pid}`];
  const output = await succeed(t, run('runc', runtime));
  t.is(output, 'changed\n0\n/usr/sbin:/usr/bin:/sbin:/bin\n');
});

async function unpack(
  t: ExecutionContext,
  tool: 'layerhook' | 'umoci',
  image: string,
  bundle: string,
): Promise<void> {
  const args = ['unpack', '--image', image, bundle];
  await succeed(t, tool === 'umoci' ? run('umoci', args) : layerhook(args));
}

/** The layers' digests of an image, by skopeo. */
async function layersOf(t: ExecutionContext, reference: string): Promise<string[]> {
  const raw = await succeed(t, run('skopeo', ['inspect', '--raw', `oci:${reference}`]));
  return (JSON.parse(raw) as { layers: { digest: string }[] }).layers.map((layer) => layer.digest);
}

async function topLayer(t: ExecutionContext, reference: string): Promise<string> {
  const digest = (await layersOf(t, reference)).at(-1)!;
  return join(reference.slice(0, reference.lastIndexOf(':')), 'blobs', digest.replace(':', '/'));
}

/** The layer says what is expected, once each, and besides only directories above it (their times changed). */
function assertExactly(t: ExecutionContext, entries: LayerEntry[], expected: string[]): void {
  const said = entries.map(({ name }) => {
    const whiteout = /^(.*\/)?\.wh\.([^/]+)$/s.exec(name);
    return whiteout ? `-${whiteout[1] ?? ''}${whiteout[2]}` : `+${name.replace(/\/$/, '')}`;
  });
  t.is(new Set(said).size, said.length, 'an entry is there twice');
  t.deepEqual(
    expected.filter((change) => !said.includes(change)),
    [],
    'missing',
  );
  const isParent = ({ name, type }: LayerEntry) =>
    type === '5' && expected.some((change) => isBelow(change.slice(1), name));
  const extra = entries.flatMap((entry, at) => (isParent(entry) ? [] : [said[at]!]));
  t.deepEqual(
    extra.filter((change) => !expected.includes(change)),
    [],
    'not a change',
  );
}

function isBelow(path: string, directory: string): boolean {
  return directory === '.' || directory === '' || path.startsWith(`${directory.replace(/\/$/, '')}/`);
}

/** Times cut to seconds, as layers have them. */
function inSeconds(tree: Tree): Tree {
  return new Map([...tree].map(([path, entry]) => [path, { ...entry, mtime: entry.mtime.split('.')[0]! }]));
}

function json(...path: string[]): unknown {
  return JSON.parse(readFileSync(join(...path), 'utf8'));
}
