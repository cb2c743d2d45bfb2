import test from 'ava';
import { isLayerhookError } from '../../../src/errors/index.js';
import { holeBudget } from '../../../src/layer/holes.js';
import { compareMerged } from '../../../src/layer/merged/compare.js';
import { readData } from '../../../src/layer/merged/data.js';
import { lookUp } from '../../../src/layer/merged/look-up.js';
import { readMergedTree } from '../../../src/layer/merged/read.js';
import { readDirectoryTree } from '../../../src/layer/merged/read-directory.js';
import { atOnce } from '../../../src/system/steps.js';
import { LayerModel } from '../../../src/testing/model.js';
import { sha256 } from '../../helpers/image.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { diffTrees, type Tree } from '../../helpers/tree.js';
import { anyLayers, runsOf, seeds } from '../../overlay/any-layers.js';
import { apply, dir, file, hardlink, symlink } from '../apply/harness.js';
import { listMerged, mergedTree, readAll, sourcesOf } from './harness.js';

for (const seed of seeds) {
  test(`any layers mean the same to the model and to the merged tree: seed ${seed}`, async (t) => {
    let possible = 0;
    const property = fc.asyncProperty(anyLayers(), async (layers) => {
      const expected = modelTree(layers);
      if (expected === null) return requireRefused(layers);
      possible++;
      const tree = await mergedTree(layers);
      const differences = diffTrees(expected, listMerged(tree));
      if (differences.length > 0) throw new Error(differences.join('\n'));
    });
    await fc.assert(property, { numRuns: runsOf(200), ...(seed !== undefined && { seed }) });
    t.true(possible > 0);
  });
}

function modelTree(layers: RawEntry[][]): Tree | null {
  try {
    return LayerModel.of(layers).tree();
  } catch {
    return null;
  }
}

async function requireRefused(layers: RawEntry[][]): Promise<void> {
  try {
    await mergedTree(layers);
  } catch (error) {
    if (isLayerhookError(error, 'LAYER_ENTRY')) return;
    throw error;
  }
  throw new Error('accepted a layer that has no result by the model');
}

test('the content of each file comes from its layer, in the order of the tars', async (t) => {
  const big = 'b'.repeat(3 << 20);
  const layers = [
    [file('z', 'lowest'), file('big', big), file('gone', 'x'), hardlink('same', 'z'), file('empty')],
    [file('.wh.gone'), file('a', 'above'), hardlink('again', 'z')],
  ];
  const sources = sourcesOf(layers, { zip: true });
  const tree = await readMergedTree(sources, { digests: true });
  const paths = [...tree.walk()].map(({ path }) => path);
  t.deepEqual(paths, ['.', 'a', 'again', 'big', 'empty', 'same', 'z']);
  const contents = await readAll(sources, tree);
  for (const { path, inode } of tree.walk()) {
    if (!tree.inodes.isRegular(inode)) continue;
    t.is(sha256(contents.get(inode)!), `sha256:${tree.inodes.digest(inode)}`, path);
  }
  const at = (path: string) => lookUp(tree, path, { follow: true });
  const [z, again] = [at('z'), at('again')];
  if (typeof z === 'string' || typeof again === 'string') return t.fail();
  t.is(z.inode, again.inode);
  t.deepEqual([z.layer, again.layer, tree.inodes.layer(again.inode)], [0, 1, 0]);
  t.is(tree.linkCounts()[z.inode], 3);
});

test('data of chosen files is read without the rest, and a corrupt layer fails', async (t) => {
  const sources = sourcesOf([[file('a', 'one'), file('b', 'two'), file('c', 'three')]]);
  const tree = await readMergedTree(sources);
  const inodes = [...tree.children(0)].map(({ inode }) => inode).reverse();
  const texts: string[] = [];
  for await (const { pieces } of readData(sources, tree.inodes, [...inodes, inodes[0]!])) {
    texts.push(Buffer.concat([...pieces].map(({ bytes }) => Buffer.from(bytes))).toString());
  }
  t.deepEqual(texts, ['one', 'two', 'three']);
  const wrong = Buffer.from(sources[0]!.data!);
  wrong.write('x', 512);
  const corrupt = [{ ...sources[0]!, data: wrong }];
  await t.throwsAsync(
    async () => {
      for await (const _ of readData(corrupt, tree.inodes, inodes));
    },
    { code: 'BLOB_DIGEST' },
  );
  await t.throwsAsync(readMergedTree(corrupt), { code: 'BLOB_DIGEST' });
});

test('a path resolves inside the image', async (t) => {
  const tree = await mergedTree([
    [
      dir('etc'),
      file('etc/passwd', 'image'),
      symlink('up', '../../../../etc/passwd'),
      symlink('abs', '/etc'),
      symlink('loop', 'loop'),
      symlink('dangling', 'nowhere'),
    ],
  ]);
  const pathOf = (path: string, follow = true) => {
    const found = lookUp(tree, path, { follow });
    return typeof found === 'string' ? found : found.path;
  };
  t.is(pathOf('/up'), 'etc/passwd');
  t.is(pathOf('up', false), 'up');
  t.is(pathOf('abs/passwd'), 'etc/passwd');
  t.is(pathOf('abs/', false), 'etc');
  t.is(pathOf('abs', false), 'abs');
  t.is(pathOf('abs/../up'), 'etc/passwd');
  t.is(pathOf('../../etc'), 'etc');
  t.is(pathOf('/'), '.');
  for (const path of ['loop', 'loop/x']) t.is(pathOf(path), 'too many symlinks');
  for (const path of ['dangling', 'etc/none', 'etc/none/x']) t.is(pathOf(path), 'missing');
  t.is(pathOf('dangling', false), 'dangling');
  for (const path of ['etc/passwd/x', 'etc/passwd/', 'up/..']) t.is(pathOf(path), 'not a directory');
});

test('chains of links and repeated markers take no time that grows with their square', async (t) => {
  const count = 20_000;
  const links = Array.from({ length: count }, (_, at) => hardlink(`l${at}`, `l${at + 1}`));
  const tree = await mergedTree([
    [...links, file(`l${count}`, 'end')],
    Array.from({ length: count }, () => file('.wh..wh..opq')),
    [file('last')],
  ]);
  t.deepEqual(
    [...tree.walk()].map(({ path }) => path),
    ['.', 'last'],
  );
});

test('memory is bounded: too many names, files or links are refused', async (t) => {
  const many = Array.from({ length: 100 }, (_, at) => String(at));
  const layers: RawEntry[][] = [
    many.map((name) => file(name)),
    many.map((text) => file('same', text)),
    many.map((name) => hardlink(name, 'missing')),
    [file(many.join('/'))],
  ];
  for (const layer of layers) {
    const read = readMergedTree(sourcesOf([layer]), { maxNames: 50 });
    await t.throwsAsync(read, { code: 'LIMIT_EXCEEDED', message: /in the layers of the image is over/ });
  }
  const deep = file(Array.from({ length: 2047 }, () => 'd').join('/'));
  const listed = [...(await mergedTree([[deep]])).walk()];
  t.is(listed.length, 2048);
});

test('a directory is read as the tree that its layer would make', async (t) => {
  if (!requires(t, 'root')) return;
  const layer = [
    dir('d', { mode: 0o2750, uid: 3, gid: 4, mtime: 5 }),
    file('d/a', 'one', { xattrs: { 'user.x': 'y' } }),
    hardlink('b', 'd/a'),
    symlink('s', 'nowhere'),
    { name: 'fifo', type: 'fifo' },
    { name: 'dev', type: 'char', devMajor: 1, devMinor: 3 },
  ];
  const { root } = apply(t, [layer]);
  const map = { uidMappings: [], gidMappings: [], rootless: false };
  const tree = atOnce(readDirectoryTree(root, { map, holes: holeBudget() }));
  t.deepEqual(diffTrees(listMerged(tree), listMerged(await mergedTree([layer]))), []);
  t.deepEqual([...compareMerged(tree, await mergedTree([layer]), { times: true })], []);
});
