import { childrenOf, type Listing } from './listing.js';
import type { Model } from './model.js';
import { type Box, squarify } from './squarify.js';

/** A path in a treemap. */
export interface Cell extends Box {
  path: number;
  /** number of frames around it */
  level: number;
  /** True if the cells of the paths below are in it. */
  isFrame: boolean;
}

/** A page stays quick with some hundred cells, and smaller ones could not be read or hit. */
const maxCells = 600;
const smallest = 9;
const smallestFrame = 56;
const header = 18;
const padding = 2;
/** The share of a directory that its cells must cover: an almost empty frame would look as if the directory were small. */
const leastCovered = 0.6;

/**
 * Lays out the paths below a directory by their bytes. The largest directories show what is in them, until there are enough cells.
 * Paths too small to see are left out.
 */
export function layOut(model: Model, listing: Listing, directory: number, box: Box): Cell[] {
  const cells = within(model, listing, directory, box, 0);
  const isOpenable = ({ path, width, height }: Cell) =>
    width >= smallestFrame && height >= smallestFrame - header && model.end[path]! > path + 1;
  const todo = cells.filter(isOpenable);
  while (todo.length > 0 && cells.length < maxCells) {
    const cell = takeLargest(todo);
    const inner = {
      x: cell.x + padding,
      y: cell.y + header,
      width: cell.width - 2 * padding,
      height: cell.height - header - padding,
    };
    const children = within(model, listing, cell.path, inner, cell.level + 1);
    const covered = children.reduce((sum, { width, height }) => sum + width * height, 0);
    if (covered < leastCovered * inner.width * inner.height) continue;
    if (cells.length + children.length > maxCells) continue;
    cell.isFrame = true;
    cells.push(...children);
    todo.push(...children.filter(isOpenable));
  }
  return cells;
}

function within(model: Model, listing: Listing, directory: number, box: Box, level: number): Cell[] {
  const paths = childrenOf(model, listing, directory, 'size').filter((path) => listing.size[path]! > 0);
  const boxes = squarify(
    paths.map((path) => listing.size[path]!),
    box,
  );
  return paths
    .map((path, at): Cell => ({ path, level, isFrame: false, ...boxes[at]! }))
    .filter(({ width, height }) => width >= smallest && height >= smallest);
}

function takeLargest(cells: Cell[]): Cell {
  let largest = 0;
  const area = ({ width, height }: Cell) => width * height;
  for (const [at, cell] of cells.entries()) if (area(cell) > area(cells[largest]!)) largest = at;
  return cells.splice(largest, 1)[0]!;
}
