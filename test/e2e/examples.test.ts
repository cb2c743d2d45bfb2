/** The hooks of docs/examples at real unpacks. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { repack, unpack } from '../../src/index.js';
import { debian } from '../helpers/debian.js';
import { buildImage, type RawLayer } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

const layers: RawLayer[] = [
  [
    { name: './', type: 'dir', mode: 0o751, mtime: 1000000000.5 },
    { name: 'etc/', type: 'dir', mtime: 1000000001.25 },
    { name: 'etc/one', content: 'one', mode: 0o4711, uid: 12, gid: 34, mtime: 1000000002.5 },
    { name: 'etc/link', type: 'hardlink', linkname: 'etc/one' },
    { name: 'etc/gone', content: 'gone' },
    { name: 'dir/', type: 'dir' },
    { name: 'dir/below', content: 'below' },
    { name: 'null', type: 'char', devMajor: 1, devMinor: 3, mode: 0o666 },
    { name: 'symlink', type: 'symlink', linkname: '/etc/passwd' },
  ],
  [
    { name: 'etc/.wh.gone', content: '' },
    { name: 'dir/.wh..wh..opq', content: '' },
    { name: 'dir/new', content: 'new', xattrs: { 'user.key': 'value' } },
  ],
  [
    { name: 'dir', type: 'symlink', linkname: 'etc' },
    { name: 'etc/two', content: 'two' },
  ],
];

/** Copies of the examples, and a hooks.toml that names them. */
function setup(t: ExecutionContext): { dir: string; toml: string; cache: string } {
  const dir = tmpdir(t);
  for (const name of ['layer-cache.sh', 'add-mount.mjs'])
    copyFileSync(`docs/examples/${name}`, join(dir, name));
  chmodSync(join(dir, 'layer-cache.sh'), 0o755);
  chmodSync(join(dir, 'add-mount.mjs'), 0o644);
  const toml = join(dir, 'hooks.toml');
  const cache = join(dir, 'cache');
  const text = `[[hook]]
point = ["unpack.ociv1.layer.try-skip", "unpack.ociv1.layer.post-extract"]
exec = ["${dir}/layer-cache.sh"]
env = ["CACHE_DIR=${cache}"]
[[hook]]
module = "./add-mount.mjs"
[hook.options]
source = "/srv/shared"
destination = "/mnt/shared"
`;
  writeFileSync(toml, text, { mode: 0o644 });
  return { dir, toml, cache };
}

rootTest(
  'layer-cache.sh: unpacked from its cache an image has the same tree, without reading a layer',
  async (t) => {
    const { dir, toml, cache } = setup(t);
    const { reference, manifest, blob } = buildImage(t, layers);
    const blobs = manifest.layers.map(({ digest }) => blob(digest));
    const unpackTo = (name: string, hooksFile: string | null) =>
      unpack({ image: reference, bundle: join(dir, name), hooksFile });
    const tree = (name: string) => treeOf(join(dir, name, 'rootfs'));
    await unpackTo('plain', null);
    await unpackTo('first', toml);
    t.is(readdirSync(cache).length, 3);
    for (const file of blobs) renameSync(file, `${file}.away`);
    t.like(await unpackTo('second', toml), { layers: 3, skipped: 3, bytes: 0 });
    t.deepEqual(diffTrees(tree('plain'), tree('first')), []);
    t.deepEqual(diffTrees(tree('plain'), tree('second')), []);
  },
);

rootTest('a bundle from the cache repacks as any other', async (t) => {
  const { dir, toml } = setup(t);
  const { reference, layout } = buildImage(t, layers);
  for (const name of ['first', 'second']) {
    await unpack({ image: reference, bundle: join(dir, name), hooksFile: toml });
  }
  writeFileSync(join(dir, 'second/rootfs/etc/three'), 'three');
  const image = `${layout}:new`;
  t.like(await repack({ image, bundle: join(dir, 'second'), hooksFile: toml }), { changes: 2 });
  const again = join(dir, 'again');
  t.like(await unpack({ image, bundle: again, hooksFile: toml }), { layers: 4, skipped: 3 });
  // whether a layer has fractions of seconds is not asked here
  const isTime = (_: string, field: string) => field === 'mtime';
  t.deepEqual(diffTrees(treeOf(join(dir, 'second/rootfs')), treeOf(join(again, 'rootfs')), isTime), []);
});

test('layer-cache.sh: Debian, and an image on top of the same base', async (t) => {
  const image = debian(t);
  if (image === null) return;
  const { dir, toml, cache } = setup(t);
  const trees = [];
  for (const [name, tag, hooksFile] of [
    ['1', 'base', toml],
    ['2', 'changed', toml],
    ['3', 'changed', toml],
    ['4', 'changed', null],
  ] as const) {
    await unpack({ image: `${image.layout}:${tag}`, bundle: join(dir, name), hooksFile });
    trees.push(treeOf(join(dir, name, 'rootfs')));
  }
  const [, second, third, plain] = trees;
  t.is(readdirSync(cache).length, 2);
  t.deepEqual(diffTrees(second!, plain!), []);
  t.deepEqual(diffTrees(third!, plain!), []);
});

rootTest('add-mount.mjs: the bundle has the mount, and runs with nothing else changed', async (t) => {
  const { dir, toml } = setup(t);
  const { reference } = buildImage(t, layers);
  await unpack({ image: reference, bundle: join(dir, 'plain'), hooksFile: null });
  await unpack({ image: reference, bundle: join(dir, 'hooked'), hooksFile: toml });
  const spec = (name: string) => JSON.parse(readFileSync(join(dir, name, 'config.json'), 'utf8'));
  const mount = { destination: '/mnt/shared', type: 'bind', source: '/srv/shared', options: ['rbind'] };
  const plain = spec('plain');
  t.deepEqual(spec('hooked'), { ...plain, mounts: [...plain.mounts, mount] });
  t.true(existsSync(join(dir, 'hooked/umoci.json')));
});
