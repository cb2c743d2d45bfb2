import type { ByteString } from 'layerhook/system';

/** Paths as a tree of their components. */
export interface PathTree {
  below: Map<ByteString, PathTree>;
}

/** Builds a tree from paths. @param paths relative to the root, which is `.` */
export function pathTree(paths: Iterable<ByteString>): PathTree {
  const root: PathTree = { below: new Map() };
  for (const path of paths) {
    let at = root;
    for (const name of path === '.' ? [] : path.split('/')) {
      let next = at.below.get(name);
      if (next === undefined) {
        next = { below: new Map() };
        at.below.set(name, next);
      }
      at = next;
    }
  }
  return root;
}
