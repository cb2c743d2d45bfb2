/**
 * Filters a view and lists its rows. Paths have the order of a walk, so that all paths below a directory come directly after it.
 * A loop from the last path to the first can therefore add up the directories, and a loop over a range visits one directory.
 */
import type { Model } from './model.js';
import type { View } from './views.js';

export type Order = 'name' | 'size';

/** What the user wants to see of a view. */
export interface Filter {
  /** part of a name; with a slash, part of a path */
  query: string;
  /** by mark: true if paths with this mark are wanted */
  marks: readonly boolean[];
}

/** The paths of a view that pass a filter, with the directories above. */
export interface Listing {
  isKept: Uint8Array;
  /** 1 if a name below has the text of the query: the directory is opened */
  hasHit: Uint8Array;
  /** 1 if a path below has a mark */
  hasMark: Uint8Array;
  /** bytes of the path and all kept paths below */
  size: Float64Array;
  /** paths that pass the filter themselves, at and below the path */
  count: Int32Array;
}

/** Applies a filter. One loop over all paths: it runs for each letter that the user types. */
export function filterView(model: Model, view: View, { query, marks }: Filter): Listing {
  const { length } = model.names;
  const [isKept, hasHit, hasMark] = [new Uint8Array(length), new Uint8Array(length), new Uint8Array(length)];
  const [size, count] = [new Float64Array(length), new Int32Array(length)];
  const hits = findHits(model, query);
  for (let path = length - 1; path >= 0; path--) {
    const isHit = hits === null || hits[path] !== 0;
    if (view.isShown[path] === 1 && isHit && marks[view.mark[path]!]) {
      isKept[path] = 1;
      size[path]! += view.own[path]!;
      count[path]!++;
    }
    if (path === 0 || isKept[path] === 0) continue;
    const above = model.parent[path]!;
    isKept[above] = 1;
    size[above]! += size[path]!;
    count[above]! += count[path]!;
    if (hasHit[path] === 1 || hits?.[path] === hitItself) hasHit[above] = 1;
    if (hasMark[path] === 1 || view.mark[path] !== 0) hasMark[above] = 1;
  }
  isKept[0] = 1;
  return { isKept, hasHit, hasMark, size, count };
}

/** Returns the kept children of a directory. */
export function childrenOf(
  { end }: Model,
  { isKept, size }: Pick<Listing, 'isKept' | 'size'>,
  directory: number,
  order: Order,
): number[] {
  const children: number[] = [];
  for (let path = directory + 1; path < end[directory]!; path = end[path]!)
    if (isKept[path] === 1) children.push(path);
  return order === 'size' ? children.sort((a, b) => size[b]! - size[a]! || a - b) : children;
}

/** Returns the value that the most bytes at and below a path have. @param of a small whole number for a path */
export function mainValue(
  { end }: Model,
  { isKept }: Listing,
  { own }: View,
  path: number,
  of: (path: number) => number,
): number {
  const bytes: number[] = [];
  for (let at = path; at < end[path]!; at++) {
    if (isKept[at] === 0 || own[at] === 0) continue;
    const value = of(at);
    bytes[value] = (bytes[value] ?? 0) + own[at]!;
  }
  return bytes.reduce((most, sum, value) => (sum > (bytes[most] ?? 0) ? value : most), of(path));
}

/** The rows of a tree: the paths that are visible because all directories above are open. */
export interface Rows {
  path: number[];
  /** by row: its place among its siblings, from 1, and the number of siblings */
  position: number[];
  siblings: number[];
  /** by path: its row; -1 if the path is not visible */
  rowOf: Map<number, number>;
}

/** Lists the rows of a tree. It uses its own stack, since the depth of paths has no limit and the stack of a browser has. */
export function listRows(
  model: Model,
  listing: Listing,
  { isOpen, order }: { isOpen: (path: number) => boolean; order: Order },
): Rows {
  const rows: Rows = { path: [], position: [], siblings: [], rowOf: new Map() };
  const stack: { children: number[]; at: number }[] = [{ children: [0], at: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const path = top.children[top.at++];
    if (path === undefined) {
      stack.pop();
      continue;
    }
    rows.rowOf.set(path, rows.path.length);
    rows.path.push(path);
    rows.position.push(top.at);
    rows.siblings.push(top.children.length);
    if (isOpen(path)) stack.push({ children: childrenOf(model, listing, path, order), at: 0 });
  }
  return rows;
}

/** States of a path in a search: a directory above has the text, or the path itself. Only a hit itself opens directories. */
const hitAbove = 1;
const hitItself = 2;

/** Finds the paths with the text of a query, and all below them. @returns null without a query */
function findHits(model: Model, query: string): Uint8Array | null {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return null;
  const hits = new Uint8Array(model.names.length);
  const texts = wanted.includes('/') ? lowerPaths(model) : lowerNames(model);
  for (let path = 1; path < hits.length; path++) {
    if (texts[path]!.includes(wanted)) hits[path] = hitItself;
    else if (hits[model.parent[path]!] !== 0) hits[path] = hitAbove;
  }
  return hits;
}

/** Names in lower case: each letter of a query would otherwise convert them all again. */
const namesOf = new WeakMap<Model, string[]>();

function lowerNames(model: Model): string[] {
  const known = namesOf.get(model) ?? model.names.map((name) => name.toLowerCase());
  namesOf.set(model, known);
  return known;
}

/** Returns all paths in lower case. They are not kept, unlike the names: they take far more memory than the names. */
function lowerPaths(model: Model): string[] {
  const names = lowerNames(model);
  const paths = [''];
  for (let path = 1; path < names.length; path++) paths.push(`${paths[model.parent[path]!]}/${names[path]}`);
  return paths;
}
