import { none } from '../../layer/merged/names.js';
import type { PathTable } from './path-table.js';

/** All paths of a table as a walk visits them: a directory before its children, siblings sorted by bytes. */
export interface PathOrder {
  /** by place in the walk: the path, and the number of directories above */
  path: Uint32Array;
  depth: Uint16Array;
  /** by path: its place in the walk */
  place: Uint32Array;
}

export function orderPaths(paths: PathTable): PathOrder {
  const { length } = paths;
  const [path, place, depth] = [new Uint32Array(length), new Uint32Array(length), new Uint16Array(length)];
  const children = listChildren(paths);
  const todo = [{ path: 0, depth: 0 }];
  for (let at = 0, next = todo.pop(); next !== undefined; next = todo.pop(), at++) {
    path[at] = next.path;
    depth[at] = next.depth;
    place[next.path] = at;
    const below = [...children(next.path)].sort((a, b) => paths.compare(b, a));
    for (const child of below) todo.push({ path: child, depth: next.depth + 1 });
  }
  return { path, depth, place };
}

function listChildren(paths: PathTable): (directory: number) => Generator<number> {
  const first = new Uint32Array(paths.length).fill(none);
  const next = new Uint32Array(paths.length).fill(none);
  for (let path = 1; path < paths.length; path++) {
    const directory = paths.directory(path);
    next[path] = first[directory]!;
    first[directory] = path;
  }
  return function* (directory) {
    for (let path = first[directory]!; path !== none; path = next[path]!) yield path;
  };
}
