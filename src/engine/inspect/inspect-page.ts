import { LayerhookError } from '../../errors/index.js';
import { compareMerged, type FileChange } from '../../layer/merged/compare.js';
import type { Inodes } from '../../layer/merged/inodes.js';
import type { MergedTree, Walked } from '../../layer/merged/tree.js';
import type { ByteString } from '../../system/bytes.js';
import { toSurrogateText } from '../../text/surrogates.js';
import { openSide, type Side } from '../diff/side.js';
import {
  type InspectedImage,
  type InspectedLayer,
  type InspectImageOptions,
  inspectTree,
} from './inspect.js';
import {
  changeKinds,
  differingFields,
  fileTypes,
  type PageChanges,
  type PageData,
  type PageDifference,
  type PageLayer,
} from './page-data.js';
import { PathChanges } from './path-changes.js';
import { orderPaths } from './path-order.js';
import type { PathTable } from './path-table.js';
import { measureTree } from './sizes.js';

/** A page with 1,000,000 changes is 40 MB large, and takes 300 MB in a browser, which opens it in some seconds. */
const maxChanges = 1_000_000;

export interface InspectPageOptions extends InspectImageOptions {
  /** another image, or a bundle, that the image is compared with */
  against?: string | undefined;
}

/**
 * Does the same as `inspectImage`, and collects what the page of `inspect --html` shows.
 *
 * @throws LayerhookError of reading images, layers and bundles, LIMIT_EXCEEDED
 */
export async function inspectForPage(
  options: InspectPageOptions,
): Promise<{ image: InspectedImage; data: PageData }> {
  const { against, ...rest } = options;
  const changes = new PathChanges();
  const inspected = await inspectTree({ ...rest, digests: against !== undefined }, changes);
  const side = against === undefined ? undefined : await openSide(against, rest);
  const { image, tree, watcher } = inspected;
  const differences = side === undefined ? [] : differencesOf(side.tree, tree, watcher.paths);
  requireFew(changes.length + differences.length);
  const order = orderPaths(watcher.paths);
  const { layers, digest, compressed, uncompressed, paths, bytes } = image;
  const { wastedBytes, wastedPercent, efficiency } = image;
  const data: PageData = {
    ...{ name: options.image, digest, compressed, uncompressed, paths, bytes },
    ...{ wastedBytes, wastedPercent, efficiency },
    layers: layers.map((layer) => pageLayer(layer, isShared(layer, layers, side))),
    names: Array.from(order.path, (path) => toSurrogateText(watcher.paths.name(path))).join('/'),
    depths: [...order.depth],
    ...pageChanges(changes, order.place, tree.inodes),
    ...(against !== undefined && {
      difference: pageDifference(against, differences, order.place, side!, tree),
    }),
  };
  return { image, data };
}

/** Requires that a browser can show this many changes. @throws LayerhookError LIMIT_EXCEEDED */
export function requireFew(changes: number): void {
  if (changes <= maxChanges) return;
  const what = `number of changed paths of a page (${changes})`;
  const limit = `${maxChanges}, which inspect without --html lacks`;
  throw new LayerhookError('LIMIT_EXCEEDED', { what, limit });
}

function pageLayer(layer: InspectedLayer, isShared: boolean): PageLayer {
  const { digest, createdBy, compressed, uncompressed, added, changed, deleted, wasted } = layer;
  return { digest, createdBy, compressed, uncompressed, added, changed, deleted, wasted, isShared };
}

/** True if the other side has the layer, and the same layers below. */
function isShared(
  { layer }: InspectedLayer,
  layers: readonly InspectedLayer[],
  side: Side | undefined,
): boolean {
  return layers.slice(0, layer + 1).every(({ diffID }, at) => side?.diffIDs?.[at] === diffID);
}

type ChangeRows = Pick<PageData, 'changes' | 'attributes' | 'targets' | 'links'>;

function pageChanges(all: PathChanges, place: Uint32Array, inodes: Inodes): ChangeRows {
  const order = sortByPlace(Array.from(all.path.all(), (path) => place[path]!));
  const column = (of: { get(at: number): number }) => Array.from(order, (at) => of.get(at));
  const deleted = changeKinds.indexOf('deleted');
  const names = new Uint32Array(inodes.length);
  const isNamed = (at: number) => all.kind.get(at) !== deleted;
  for (const at of order) if (isNamed(at)) names[all.inode.get(at)]!++;
  const [targets, links]: [ChangeRows['targets'], ChangeRows['links']] = [[], []];
  for (const [row, at] of order.entries()) {
    const inode = all.inode.get(at);
    if (!isNamed(at)) continue;
    if (inodes.isSymlink(inode)) targets.push([row, toSurrogateText(inodes.target(inode))]);
    else if (inodes.isRegular(inode) && names[inode]! > 1) links.push([row, inode]);
  }
  const changes: PageChanges = {
    path: differencesBetween(Array.from(order, (at) => place[all.path.get(at)]!)),
    layer: column(all.layer),
    kind: column(all.kind),
    type: column(all.type),
    attribute: column(all.attribute),
    size: column(all.size),
  };
  return { changes, attributes: all.attributes, targets, links };
}

/** A difference with the number of its path. */
type Difference = FileChange & { number: number };

function differencesOf(before: MergedTree, after: MergedTree, paths: PathTable): Difference[] {
  return Array.from(compareMerged(before, after, { times: false }), (change) => ({
    ...change,
    number: numberOf(paths, change.path),
  }));
}

/** Returns the number of a path, which only the other image may have. */
function numberOf(paths: PathTable, path: ByteString): number {
  if (path === '.') return 0;
  return path.split('/').reduce((above, name) => paths.path(above, name), 0);
}

function pageDifference(
  name: string,
  rows: readonly Difference[],
  place: Uint32Array,
  side: Side,
  b: MergedTree,
): PageDifference {
  const a = side.tree;
  const { paths, bytes } = measureTree(a, side.diffIDs?.length ?? 1, 0);
  const size = ({ inodes }: MergedTree, file: Walked | null) => (file === null ? 0 : inodes.size(file.inode));
  const type = ({ before, after }: Difference) =>
    after === null ? a.inodes.type(before!.inode) : b.inodes.type(after.inode);
  return {
    ...{ name, paths, bytes },
    path: differencesBetween(rows.map(({ number }) => place[number]!)),
    kind: rows.map(({ change }) => changeKinds.indexOf(change)),
    type: rows.map((row) => fileTypes.indexOf(type(row))),
    fields: rows.map(({ fields }) =>
      fields.reduce((bits, field) => bits | (1 << differingFields.indexOf(field)), 0),
    ),
    before: rows.map(({ before }) => size(a, before)),
    after: rows.map(({ after }) => size(b, after)),
  };
}

/** Returns the indexes of the rows in the order of their places; rows of the same place keep their order. */
function sortByPlace(places: readonly number[]): Uint32Array {
  return Uint32Array.from(places.keys()).sort((a, b) => places[a]! - places[b]! || a - b);
}

/** Returns the numbers, each less the one before: the numbers are sorted, so small ones stay. */
function differencesBetween(numbers: readonly number[]): number[] {
  return numbers.map((number, at) => number - (numbers[at - 1] ?? 0));
}
