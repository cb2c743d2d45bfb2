import test from 'ava';
import { failedRules } from '../../../src/engine/inspect/rules.js';
import { measureTree } from '../../../src/engine/inspect/sizes.js';
import { Top } from '../../../src/engine/inspect/top.js';
import { ChangeWatcher } from '../../../src/engine/inspect/watcher.js';
import { compareMerged } from '../../../src/layer/merged/compare.js';
import { readMergedTree } from '../../../src/layer/merged/read.js';
import type { MergedTree } from '../../../src/layer/merged/tree.js';
import fc from '../../helpers/properties.js';
import type { RawEntry } from '../../helpers/tar.js';
import { dir, file, hardlink, symlink } from '../../layer/apply/harness.js';
import { mergedTree, sourcesOf } from '../../layer/merged/harness.js';
import { anyLayers, modelTree, runsOf, seeds } from '../../overlay/any-layers.js';

async function watched(layers: RawEntry[][]): Promise<{ tree: MergedTree; watcher: ChangeWatcher }> {
  let watcher!: ChangeWatcher;
  const tree = await readMergedTree(sourcesOf(layers), {
    watch: (tree) => {
      watcher = new ChangeWatcher(tree);
      return watcher;
    },
  });
  return { tree, watcher };
}

/** Counts of the changes between the trees before and after each layer, which are read again. */
async function compared(
  layers: RawEntry[][],
): Promise<{ added: number; deleted: number; changed: number }[]> {
  const counts = [];
  let before = await mergedTree([]);
  for (const at of layers.keys()) {
    const after = await mergedTree(layers.slice(0, at + 1));
    const count = { added: 0, deleted: 0, changed: 0 };
    for (const { path, change, fields } of compareMerged(before, after, { times: false })) {
      if (path === '.' || fields.join() === 'links') continue;
      count[change]++;
    }
    counts.push(count);
    before = after;
  }
  return counts;
}

for (const seed of seeds) {
  test(`the changes of any layers agree with a comparison of the trees: seed ${seed}`, async (t) => {
    let tried = 0;
    const property = fc.asyncProperty(anyLayers(), async (layers) => {
      if (modelTree(layers) === null) return;
      tried++;
      const { tree, watcher } = await watched(layers);
      for (const [at, expected] of (await compared(layers)).entries()) {
        const { added, deleted, changed } = watcher.layers[at]!;
        const found = { added: added.count, deleted: deleted.count };
        if (found.added !== expected.added || found.deleted !== expected.deleted)
          throw new Error(`layer ${at}: ${JSON.stringify([found, expected])}`);
        // a file that a layer has again counts as changed, even if it is equal
        if (changed.count < expected.changed) throw new Error(`layer ${at}: ${changed.count} changed`);
      }
      const sum = (of: (layer: ChangeWatcher['layers'][number]) => number) =>
        watcher.layers.reduce((all, layer) => all + of(layer), 0);
      const sizes = measureTree(tree, layers.length, 5);
      const live = sum(({ added, changed }) => added.bytes + changed.bytes) - sum(({ wastes }) => wastes);
      if (live !== sizes.bytes) throw new Error(`${live} bytes, not ${sizes.bytes}`);
      if (1 + sum(({ added, deleted }) => added.count - deleted.count) !== sizes.paths)
        throw new Error('paths');
      const wasted = [...watcher.wasted()].reduce((all, { bytes }) => all + bytes, 0);
      if (wasted !== sum(({ wastes }) => wastes)) throw new Error('wasted');
    });
    await fc.assert(property, { numRuns: runsOf(150), ...(seed !== undefined && { seed }) });
    t.true(tried > 0);
  });
}

test('a path stays one path when its directory is removed and made again, or reached through a symlink', async (t) => {
  const { watcher } = await watched([
    [dir('d'), file('d/x', '12345678'), symlink('link', 'd')],
    [file('.wh.d')],
    [dir('d'), file('link/x', '1234')],
    [file('link/x', '12')],
  ]);
  t.deepEqual(
    [...watcher.wasted()].map(({ path, bytes, copies }) => [watcher.paths.text(path), bytes, copies]),
    [['d/x', 12, 2]],
  );
  // d/x: the smallest of 8, 4 and 2; the deleted directory d counts as one occurrence of 8 bytes
  t.is(watcher.paths.efficiency(), (2 + 8) / (14 + 8));
});

test('the formula of dive: smallest occurrence of each path by all occurrences', async (t) => {
  const score = async (...layers: RawEntry[][]) => (await watched(layers)).watcher.paths.efficiency();
  t.is(await score([]), 1);
  t.is(await score([file('a', '1234')]), 1);
  t.is(await score([file('a', '1234')], [file('a', '123456')]), 4 / 10);
  t.is(await score([file('a', '1234'), file('b', '12')], [file('.wh.a')]), 2 / 6);
  t.is(await score([file('a', '1234')], [file('.wh.a')], [file('a', '1234')]), 0);
  t.is(await score([file('a', '1234'), hardlink('b', 'a')]), 1);
});

test('deleting one of two names wastes nothing, deleting the last one does', async (t) => {
  const { watcher } = await watched([
    [file('a', '1234'), hardlink('b', 'a')],
    [file('.wh.a')],
    [file('.wh.b')],
  ]);
  t.deepEqual(
    watcher.layers.map(({ deleted, wastes }) => [deleted.count, deleted.bytes, wastes]),
    [
      [0, 0, 0],
      [1, 0, 0],
      [1, 4, 4],
    ],
  );
});

test('directories count with all below, files with several names once', async (t) => {
  const { tree } = await watched([
    [file('a/b/one', '12'), file('a/two', '123'), hardlink('c/again', 'a/two'), file('c/own', '1')],
  ]);
  const { largestDirectories, largestFiles, bytes, paths } = measureTree(tree, 1, 2);
  t.deepEqual(largestDirectories, [
    { path: 'a', bytes: 5 },
    { path: 'a/b', bytes: 2 },
  ]);
  t.deepEqual(largestFiles, [
    { path: 'a/two', bytes: 3 },
    { path: 'a/b/one', bytes: 2 },
  ]);
  t.deepEqual([bytes, paths], [6, 8]);
});

test('the top keeps the largest items, and of equal ones the first', (t) => {
  const sizes = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 5 }), (all, limit) => {
      const top = new Top<number>(limit);
      for (const [at, size] of all.entries()) top.add(size, () => at);
      const expected = [...all.keys()]
        .filter((at) => all[at]! > 0)
        .sort((a, b) => all[b]! - all[a]! || a - b);
      const found = top.list();
      if (found.join() !== expected.slice(0, limit).join()) throw new Error(`${found}`);
    }),
  );
  t.pass();
});

test('an image may reach a limit', (t) => {
  const image = { efficiency: 0.9, wastedBytes: 10, wastedPercent: 0.1 };
  const rules = { lowestEfficiency: 0.9, highestWastedBytes: 10, highestWastedPercent: 0.1 };
  t.deepEqual(failedRules(image, rules), []);
  t.deepEqual(failedRules(image, {}), []);
  t.deepEqual(failedRules({ efficiency: 0.8, wastedBytes: 11, wastedPercent: 0.2 }, rules), [
    { rule: 'lowestEfficiency', value: 0.8, limit: 0.9 },
    { rule: 'highestWastedBytes', value: 11, limit: 10 },
    { rule: 'highestWastedPercent', value: 0.2, limit: 0.1 },
  ]);
});
