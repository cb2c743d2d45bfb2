import type { ByteString } from '../../system/bytes.js';
import { maxSymlinks } from '../../system/path-limits.js';
import { childOf, componentsReversed } from '../../system/paths.js';
import { none } from './names.js';
import type { MergedTree, Walked } from './tree.js';

/** Why a path leads to no file. */
export type Missing = 'missing' | 'not a directory' | 'too many symlinks';

/**
 * Finds a file as path_resolution(7) does for a process with the image as its root: symlinks lead inside the image, `..` of
 * the root is the root.
 *
 * @param path relative to the root, with or without a leading slash
 * @param options `follow`: also follow a symlink that is the last component
 * @returns the file, with its path without symlinks; or why nothing is found
 */
export function lookUp(
  tree: MergedTree,
  path: ByteString,
  { follow }: { follow: boolean },
): Walked | Missing {
  const { inodes } = tree;
  const followsLast = follow || /\/\.?$/.test(path);
  const way: Walked[] = [{ path: '.', name: '', inode: 0, layer: inodes.layer(0) }];
  const todo = componentsReversed(path);
  let links = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    const at = way.at(-1)!;
    if (!inodes.isDirectory(at.inode)) return 'not a directory';
    if (name === '..') {
      if (way.length > 1) way.pop();
      continue;
    }
    const inode = tree.child(at.inode, name);
    if (inode === none) return 'missing';
    if (inodes.isSymlink(inode) && (followsLast || todo.length > 0)) {
      if (++links > maxSymlinks) return 'too many symlinks';
      const target = inodes.target(inode);
      if (target.startsWith('/')) way.splice(1);
      todo.push(...componentsReversed(target));
      continue;
    }
    const layer = tree.layerOfName(tree.names.find(at.inode, name));
    way.push({ path: childOf(at.path, name), name, inode, layer });
  }
  const found = way.at(-1)!;
  return path.endsWith('/') && !inodes.isDirectory(found.inode) ? 'not a directory' : found;
}
