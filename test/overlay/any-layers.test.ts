import { mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { Tree as AppliedTree } from '../../src/layer/apply/tree.js';
import { LayerModel } from '../../src/testing/model.js';
import { readLayer } from '../../src/testing/read-layer.js';
import { readTree } from '../../src/testing/tree.js';
import fc from '../helpers/properties.js';
import { rootTest } from '../helpers/root-test.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees } from '../helpers/tree.js';
import { applyOne } from '../layer/apply/harness.js';
import { anyLayers, runsOf, seeds } from './any-layers.js';
import { type Stack, stack } from './stack.js';

for (const seed of seeds) {
  rootTest(`any layers mean the same to the model, in one directory, and mounted: seed ${seed}`, (t) => {
    let possible = 0;
    const property = fc.property(anyLayers(), (layers) => {
      const count = possibleLayers(layers);
      if (count < layers.length) requireRefused(t, layers.slice(0, count + 1));
      if (count === 0) return;
      possible++;
      requireSame(t, layers.slice(0, count));
    });
    fc.assert(property, { numRuns: runsOf(60), ...(seed !== undefined && { seed }) });
    t.true(possible > 0);
  });
}

for (const seed of seeds) {
  rootTest(`any layers are the same in one directory and mounted, with keepDirlinks: seed ${seed}`, (t) => {
    let compared = 0;
    // the symlink that stays gets the attributes of the directory, and Linux refuses those of users on a symlink
    const plainLayers = anyLayers().map((layers) =>
      layers.map((layer) => layer.map((entry) => ({ ...entry, xattrs: {} }))),
    );
    const property = fc.property(plainLayers, (layers) => {
      const stacked = stackUnlessRefused(t, layers);
      if (stacked === null) return;
      compared++;
      try {
        const differences = diffTrees(readTree(stacked.plain), readTree(stacked.merged));
        if (differences.length > 0) throw new Error(differences.join('\n'));
      } finally {
        stacked.remove();
      }
    });
    fc.assert(property, { numRuns: runsOf(60), ...(seed !== undefined && { seed }) });
    t.true(compared > 0);
  });
}

/** Extracts layers with keepDirlinks; null if a layer is refused in one directory, and is so independently. */
function stackUnlessRefused(t: ExecutionContext<unknown>, layers: RawEntry[][]): Stack | null {
  const options = { keepDirlinks: true };
  const plain = emptyDirectory(t);
  for (const [index, layer] of layers.entries()) {
    try {
      applyOne(layer, plain, new AppliedTree(), [], options);
    } catch (error) {
      if (!isLayerhookError(error, 'LAYER_ENTRY')) throw error;
      requireEntryError('independently', () => stack(t, layers.slice(0, index + 1), options).remove());
      return null;
    }
  }
  return stack(t, layers, options);
}

function emptyDirectory(t: ExecutionContext<unknown>): string {
  const path = join(tmpdir(t), 'plain');
  mkdirSync(path, { mode: 0o755 });
  utimesSync(path, 0, 0);
  return path;
}

/** Returns how many layers, from the lowest, have a result by the model. */
function possibleLayers(layers: RawEntry[][]): number {
  const model = new LayerModel();
  for (const [index, layer] of layers.entries()) {
    try {
      model.apply(readLayer(layer));
    } catch {
      return index;
    }
  }
  return layers.length;
}

function requireSame(t: ExecutionContext<unknown>, layers: RawEntry[][]): void {
  const { merged, plain, remove } = stack(t, layers);
  try {
    const expected = LayerModel.of(layers).tree();
    const differences = [plain, merged].map((root) => diffTrees(expected, readTree(root)));
    if (differences.flat().length > 0)
      throw new Error(
        `model / one directory: ${differences[0]!.join('\n')}\nmodel / mounted: ${differences[1]!.join('\n')}`,
      );
  } finally {
    remove();
  }
}

/** Requires that the highest layer is refused as a malformed one, in one directory and independently. */
function requireRefused(t: ExecutionContext<unknown>, layers: RawEntry[][]): void {
  const last = layers.at(-1)!;
  const below = layers.slice(0, -1);
  const plain = emptyDirectory(t);
  for (const layer of below) applyOne(layer, plain, new AppliedTree(), [], {});
  requireEntryError('one directory', () => applyOne(last, plain, new AppliedTree(), [], {}));
  requireEntryError('independently', () => stack(t, layers).remove());
}

function requireEntryError(where: string, act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (isLayerhookError(error, 'LAYER_ENTRY')) return;
    throw error;
  }
  throw new Error(`${where}: accepted a layer that has no result by the model`);
}
