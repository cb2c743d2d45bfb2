import { BadEntry, entryError } from '../layer/apply/errors.js';
import type { LowerFile } from '../layer/lower/lower-stack.js';
import { none } from '../layer/merged/names.js';
import { walkSteps } from '../layer/walk/index.js';
import { type ByteString, showBytes } from '../system/bytes.js';
import { baseName, childOf, isWithin, parentOf } from '../system/paths.js';
import { filesPerStep, type Steps } from '../system/steps.js';
import type { Below } from './below.js';
import type { Paths } from './paths.js';
import type { ImageTree } from './tree.js';

interface Link {
  /** path of the entry, for errors */
  entry: ByteString;
  directory: number;
  name: ByteString;
  /** cleaned path of its target */
  to: ByteString;
}

/** A link whose target is still missing; an inode without a type holds its place. */
interface Waiting extends Link {
  inode: number;
}

/** A file of the lower layers that is copied into the image. */
interface Copied {
  path: ByteString;
  file: LowerFile;
  inode: number;
}

const nothing = { mode: 0, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 }, xattrs: new Map() };

/**
 * The hardlinks of a layer. A link means what its target's name means at that point of the tar: an earlier entry, else a
 * file of the lower layers, even if the image hides that file. The file is copied into the image. Only if neither has the
 * target, a later entry is meant.
 */
export class Links {
  readonly #tree: ImageTree;
  readonly #paths: Paths;
  readonly #below: Below;
  readonly #copy: (file: LowerFile) => number;
  readonly #waiting: Waiting[] = [];
  /** by layer and inode of the lower file */
  readonly #copied = new Map<string, Copied>();

  /** @param copy adds a lower file to the image, and returns its inode */
  constructor(tree: ImageTree, paths: Paths, below: Below, copy: (file: LowerFile) => number) {
    this.#tree = tree;
    this.#paths = paths;
    this.#below = below;
    this.#copy = copy;
  }

  /**
   * Makes a link, now or after the last entry.
   *
   * @throws BadEntry if the target is a directory; SystemError
   */
  add(link: Link): void {
    const found = this.#find(link);
    const inode = found === none ? this.#tree.add(nothing) : found;
    this.#set(link, inode);
    if (found === none) this.#waiting.push({ ...link, inode });
  }

  /** Makes the waiting links. @throws LayerhookError LAYER_ENTRY if a target is missing */
  *finish(digest: string): Steps<void> {
    yield* this.#resolveWaiting(digest);
    for (const copied of this.#copied.values()) yield* this.#linkOtherNames(copied);
  }

  *#resolveWaiting(digest: string): Steps<void> {
    let waiting = this.#waiting.filter((link) => this.#isCurrent(link));
    for (let before = -1; waiting.length !== before; ) {
      before = waiting.length;
      // a link may point to another link
      waiting = waiting.filter((link) => !this.#tryAgain(link, digest));
      yield;
    }
    const [first] = waiting;
    if (first === undefined) return;
    const isItself = childOf(this.#tree.pathOf(first.directory), first.name) === first.to;
    const target = isItself ? 'itself' : `${showBytes(first.to)}, which does not exist`;
    const error = new BadEntry(`is a hardlink to ${target}`);
    throw entryError(error, digest, first.entry);
  }

  #tryAgain(link: Waiting, digest: string): boolean {
    try {
      const found = this.#find(link);
      if (found !== none) this.#set(link, found);
      return found !== none;
    } catch (error) {
      throw entryError(error, digest, link.entry);
    }
  }

  /** Returns the inode of the target; {@link none} if it is missing. */
  #find({ directory, name, to }: Link): number {
    const place = this.#paths.find(parentOf(to), { own: true, hidden: true });
    if (place === null) return none;
    const base = baseName(to);
    if (isWithin(place.path, childOf(this.#tree.pathOf(directory), name)))
      throw new BadEntry('is a hardlink to a file in the directory that it replaces');
    const own = place.inode === none ? none : this.#tree.child(place.inode, base);
    if (own !== none && this.#tree.isDirectory(own)) throw isDirectory();
    if (own !== none && this.#tree.mode(own) !== nothing.mode) return own;
    const lower = own !== none ? null : this.#paths.lowerForLink(place, base);
    if (lower === null) return none;
    if (lower.stat.isDirectory) throw isDirectory();
    return this.#copyOnce(lower, childOf(place.path, base));
  }

  #copyOnce(file: LowerFile, path: ByteString): number {
    this.#below.bind();
    const key = `${file.layer} ${file.stat.ino}`;
    const known = this.#copied.get(key);
    if (known !== undefined) return known.inode;
    const inode = this.#copy(file);
    this.#copied.set(key, { path, file, inode });
    return inode;
  }

  /**
   * Gives a copied file all the names that the lower layers show, so that they stay one file: overlayfs itself would copy up
   * one name only.
   */
  *#linkOtherNames({ path, file, inode }: Copied): Steps<void> {
    const { directories } = this.#below.lower!;
    const names = file.stat.nlink === 1 ? [path] : yield* namesOf(directories[file.layer]!, file);
    let count = 0;
    for (const name of names) {
      if (++count % filesPerStep === 0) yield;
      if (this.#paths.covers(name) || this.#below.find(name)?.layer !== file.layer) continue;
      this.#tree.setChild(this.#paths.make(parentOf(name)), baseName(name), inode);
    }
  }

  #set({ directory, name }: Link, inode: number): void {
    this.#tree.setChild(directory, name, inode);
    this.#paths.invalidate();
  }

  /** True if nothing has replaced the link since it was added. */
  #isCurrent({ directory, name, inode }: Waiting): boolean {
    return this.#tree.child(directory, name) === inode && this.#tree.isAttached(directory);
  }
}

/** Returns all names of a file in its own layer. */
function* namesOf(directory: string, file: LowerFile): Steps<ByteString[]> {
  const names: ByteString[] = [];
  yield* walkSteps(directory, (path, stat) => {
    if (stat.ino === file.stat.ino) names.push(path);
  });
  return names;
}

function isDirectory(): BadEntry {
  return new BadEntry('is a hardlink to a directory');
}
