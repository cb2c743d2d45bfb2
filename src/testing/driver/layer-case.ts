import { type CaseWords, type Expected, expectPaths, expectTree } from '../case.js';
import { LayerModel } from '../model.js';
import type { RawEntry } from '../tar.js';
import type { DriverCase } from './harness.js';
import { driverCase } from './workshop.js';

/** Layers, lowest first, and what the root filesystem made of them is like at the paths that the rule is about. */
export interface LayerCase extends CaseWords {
  layers: RawEntry[][];
  expect: Expected;
}

/** Unpacks the layers; first the rule itself is checked, then the whole tree against the model. */
export function layerCase({ layers, expect: expected, ...words }: LayerCase): DriverCase {
  return driverCase(words, async (workshop) => {
    const tree = (await workshop.unpack(layers)).tree();
    expectPaths(tree, expected);
    expectTree(tree, LayerModel.of(layers).tree());
  });
}
