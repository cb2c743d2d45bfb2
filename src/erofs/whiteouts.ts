import { none } from '../layer/merged/names.js';
import type { ByteString } from '../system/bytes.js';
import { S } from '../system/files.js';
import { baseName, childOf, componentsReversed, parentOf } from '../system/paths.js';
import { filesPerStep, type Steps } from '../system/steps.js';
import type { Below } from './below.js';
import type { Paths } from './paths.js';
import { type ImageTree, opaque } from './tree.js';

/** What an entry hides. */
interface Whiteout {
  dirPath: ByteString;
  /** null: everything in the directory */
  name: ByteString | null;
}

const epoch = { sec: 0, nsec: 0 };
const whiteoutDevice = { mode: S.IFCHR, uid: 0, gid: 0, mtime: epoch, xattrs: new Map() };

/**
 * The whiteouts of a layer. They hide files of the lower layers from the entries after them, and become 0:0 devices and
 * opaque directories in the complete image: Linux Documentation/filesystems/overlayfs.rst.
 */
export class Whiteouts {
  readonly #tree: ImageTree;
  readonly #paths: Paths;
  readonly #below: Below;
  /**
   * Whiteouts whose directory is reached through a symlink of a lower layer. They wait, because the layer may still
   * replace the symlink by a directory; in that case they must not affect the symlink's target.
   */
  readonly #waiting: Whiteout[] = [];
  /** all 0:0 devices share one inode, as the kernel's own do */
  #device = none;

  constructor(tree: ImageTree, paths: Paths, below: Below) {
    this.#tree = tree;
    this.#paths = paths;
    this.#below = below;
  }

  hide(whiteout: Whiteout): void {
    const place = this.#paths.find(whiteout.dirPath, { own: false });
    if (place?.followed) this.#waiting.push(whiteout);
    else if (place) this.#hideAt(place.path, whiteout.name);
  }

  /** Makes the whiteouts. Must be called once, after the last entry. */
  *finish(): Steps<void> {
    for (const { dirPath, name } of this.#waiting) {
      const place = this.#paths.find(dirPath, { own: false });
      if (place) this.#hideAt(place.path, name);
    }
    const { cleared, hidden } = this.#below;
    for (const path of highestFirst(cleared)) this.#makeOpaque(path);
    let count = 0;
    for (const path of highestFirst(hidden)) {
      this.#makeWhiteout(path);
      if (++count % filesPerStep === 0) yield;
    }
  }

  #hideAt(directory: ByteString, name: ByteString | null): void {
    this.#paths.invalidate();
    if (name !== null) this.#below.hidden.add(childOf(directory, name));
    else this.#below.cleared.add(directory);
  }

  #makeOpaque(path: ByteString): void {
    const inode = this.#paths.inodeAt(path);
    if (inode === 0) this.#hideRoot();
    else if (inode !== none) this.#tree.setFlag(inode, opaque);
    else if (!this.#paths.covers(path) && this.#below.find(path)?.stat.isDirectory)
      this.#tree.setFlag(this.#paths.make(path), opaque);
  }

  /** Hides every name of the lower root directory: overlayfs ignores an opaque marker on a root directory. */
  #hideRoot(): void {
    this.#below.bind();
    const names = this.#below.lower?.namesInRoot() ?? [];
    this.#below.cleared.delete('.');
    for (const name of names) this.#below.hidden.add(name);
  }

  #makeWhiteout(path: ByteString): void {
    const inode = this.#paths.inodeAt(path);
    // a file of another type hides the lower ones without a mark
    if (inode !== none) this.#tree.setFlag(inode, opaque);
    if (inode !== none || this.#paths.covers(path) || this.#below.findHidden(path) === null) return;
    const directory = this.#paths.make(parentOf(path));
    if (this.#device === none) this.#device = this.#tree.add(whiteoutDevice);
    this.#tree.setChild(directory, baseName(path), this.#device);
  }
}

/** Returns paths with the highest directories first. */
function highestFirst(paths: Iterable<ByteString>): ByteString[] {
  const depths = [...paths].map((path) => ({ path, depth: componentsReversed(path).length }));
  return depths.sort((a, b) => a.depth - b.depth).map(({ path }) => path);
}
