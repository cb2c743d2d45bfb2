import test from 'ava';
import { isLayerhookError } from '../../../src/errors/index.js';
import { readData } from '../../../src/layer/merged/data.js';
import { lookUp } from '../../../src/layer/merged/look-up.js';
import { readMergedTree } from '../../../src/layer/merged/read.js';
import { LayerModel } from '../../../src/testing/model.js';
import { sha256 } from '../../helpers/image.js';
import fc from '../../helpers/properties.js';
import type { RawEntry } from '../../helpers/tar.js';
import { diffTrees, type Tree } from '../../helpers/tree.js';
import { anyLayers, runsOf, seeds } from '../../overlay/any-layers.js';
import { dir, file, hardlink, symlink } from '../apply/harness.js';
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
    await fc.assert(property, { numRuns: runsOf(400), ...(seed !== undefined && { seed }) });
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
