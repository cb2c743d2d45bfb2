import { type CaseWords, conformanceCase, type Expected, expectPaths, expectTree } from '../case.js';
import { LayerModel } from '../model.js';
import type { RawEntry } from '../tar.js';
import type { Tree, TreeEntry } from '../tree.js';
import type { DriverCase, DriverHarness } from './harness.js';
import { withWorkshop } from './workshop.js';

const opaque = '.wh..wh..opq';

/** Layers, lowest first, and the expected rootfs at the paths that the rule concerns. */
export interface LayerCase extends CaseWords {
  layers: RawEntry[][];
  expect: Expected;
}

/**
 * Creates cases that unpack layers and check the rule itself, and the whole tree against the model.
 *
 * Most cases share one image, where each has its own directory, since an unpack takes longer than the layers of a case. If
 * that image cannot be unpacked, each case is unpacked separately.
 */
export function layerCases(cases: LayerCase[]): DriverCase[] {
  const together = cases.filter((one) => !needsRoot(one));
  const unpacked = new WeakMap<DriverHarness, Promise<Tree[] | null>>();
  return cases.map((one) =>
    conformanceCase(one, async (harness: DriverHarness) => {
      const at = together.indexOf(one);
      if (at >= 0 && !unpacked.has(harness)) unpacked.set(harness, unpackTogether(harness, together));
      const trees = at < 0 ? null : await unpacked.get(harness);
      const tree = trees?.[at] ?? (await unpackOne(harness, one.layers));
      const model = LayerModel.of(one.layers).tree();
      if (trees) model.delete('.');
      expectPaths(tree, one.expect);
      expectTree(tree, model);
    }),
  );
}

function unpackOne(harness: DriverHarness, layers: RawEntry[][]): Promise<Tree> {
  return withWorkshop(harness, async (workshop) => (await workshop.unpack(layers)).tree());
}

/** Returns the tree of each case without its root; null if the image could not be unpacked. */
async function unpackTogether(harness: DriverHarness, cases: LayerCase[]): Promise<Tree[] | null> {
  const count = Math.max(...cases.map(({ layers }) => layers.length));
  const layers = Array.from({ length: count }, (_, layer) =>
    cases.flatMap((one, at) => (one.layers[layer] ?? []).map((entry) => moveTo(directoryOf(at), entry))),
  );
  const tree = await unpackOne(harness, layers).catch(() => null);
  return tree && cases.map((_, at) => below(tree, directoryOf(at)));
}

function directoryOf(at: number): string {
  return `case-${at}/`;
}

function moveTo(directory: string, entry: RawEntry): RawEntry {
  const moved = { ...entry, name: directory + entry.name };
  return entry.type === 'hardlink' ? { ...moved, linkname: directory + entry.linkname } : moved;
}

function below(tree: Tree, directory: string): Tree {
  const entries = [...tree].filter(([path]) => path.startsWith(directory));
  const cut = (path: string) => path.slice(directory.length);
  const move = (entry: TreeEntry) => (entry.links ? { ...entry, links: entry.links.map(cut) } : entry);
  return new Map(entries.map(([path, entry]) => [cut(path), move(entry)]));
}

/** True if the case concerns the root directory, or has paths that depend on it. */
function needsRoot({ layers, expect }: LayerCase): boolean {
  return '.' in expect || layers.flat().some(leadsToRoot);
}

function leadsToRoot({ name, type, linkname = '' }: RawEntry): boolean {
  const isRoot = ['.', './', opaque].includes(name);
  return isRoot || isLoose(name) || (type === 'symlink' && isLoose(linkname));
}

function isLoose(path: string): boolean {
  return path.startsWith('/') || path.split('/').includes('..');
}
