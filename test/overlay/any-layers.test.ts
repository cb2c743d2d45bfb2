import { mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { Tree as AppliedTree } from '../../src/layer/apply/tree.js';
import { LayerModel } from '../../src/testing/model.js';
import { readLayer } from '../../src/testing/read-layer.js';
import { readTree } from '../../src/testing/tree.js';
import fc from '../helpers/properties.js';
import { rootTest } from '../helpers/requires.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees } from '../helpers/tree.js';
import { applyOne } from '../layer/apply/harness.js';
import { anyLayers, runsOf, seeds } from './any-layers.js';
import { stack } from './stack.js';

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
  const plain = join(tmpdir(t), 'plain');
  mkdirSync(plain, { mode: 0o755 });
  utimesSync(plain, 0, 0);
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
