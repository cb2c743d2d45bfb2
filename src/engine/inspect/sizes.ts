import { bytes } from '../../layer/merged/columns.js';
import type { Child, MergedTree } from '../../layer/merged/tree.js';
import type { ByteString } from '../../system/bytes.js';
import { childOf } from '../../system/paths.js';
import { Top } from './top.js';

export interface SizedPath {
  path: ByteString;
  bytes: number;
}

/** What the files of an image take. Files with several names count once, at the name that a walk finds first. */
export interface TreeSizes {
  /** all names, the root directory included */
  paths: number;
  /** bytes of all regular files */
  bytes: number;
  /** the same, by layer of the content */
  layerBytes: number[];
  /** largest first */
  largestFiles: SizedPath[];
  /** largest first, each with all below; without the root directory */
  largestDirectories: SizedPath[];
}

interface Frame {
  path: ByteString;
  children: Generator<Child>;
  bytes: number;
}

/**
 * Measures the files of an image.
 *
 * @param layers number of layers
 * @param top how many of the largest files and directories are wanted
 */
export function measureTree(tree: MergedTree, layers: number, top: number): TreeSizes {
  const [files, directories] = [new Top<SizedPath>(top), new Top<SizedPath>(top)];
  const layerBytes = new Array<number>(layers).fill(0);
  const isCounted = bytes();
  while (isCounted.length < tree.inodes.length) isCounted.push(0);
  const stack: Frame[] = [{ path: '.', children: tree.children(0), bytes: 0 }];
  let [paths, total] = [1, 0];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const step = frame.children.next();
    if (step.done) {
      const { path, bytes } = stack.pop()!;
      const above = stack.at(-1);
      if (above === undefined) total = bytes;
      else {
        above.bytes += bytes;
        directories.add(bytes, () => ({ path, bytes }));
      }
      continue;
    }
    paths++;
    const { name, inode } = step.value;
    const above = frame.path;
    if (tree.inodes.isDirectory(inode)) {
      stack.push({ path: childOf(above, name), children: tree.children(inode), bytes: 0 });
    } else if (isCounted.get(inode) === 0) {
      isCounted.set(inode, 1);
      const size = tree.inodes.size(inode);
      frame.bytes += size;
      layerBytes[tree.inodes.layer(inode)]! += size;
      files.add(size, () => ({ path: childOf(above, name), bytes: size }));
    }
  }
  return {
    paths,
    bytes: total,
    layerBytes,
    largestFiles: files.list(),
    largestDirectories: directories.list(),
  };
}
