import { bytes, numbers, shorts, words } from '../../layer/merged/columns.js';
import { Names, none } from '../../layer/merged/names.js';
import type { ByteString } from '../../system/bytes.js';
import { childOf } from '../../system/paths.js';

/** One path that a layer has touched. */
export interface Touched {
  path: number;
  /** the inode before the layer, or `none` */
  before: number;
}

/**
 * All paths that an image has had in any of its layers, by number. A path keeps its number when its directory is removed and
 * made again, which the names of a MergedTree do not. Path 0 is the root directory. About 80 bytes for each path.
 */
export class PathTable {
  /** the directory of a name is the path above; the inode is the file that has the path now */
  readonly #names = new Names();
  /** by path of a directory: its first listed child; the others follow through {@link Names.next} */
  readonly #first = words();
  readonly #isListed = bytes();
  /** the last layer that touched the path, and one */
  readonly #touchedBy = shorts();
  /** bytes that the present file added to the image when it got the path */
  readonly #size = numbers();
  /** bytes of all occurrences together, and of the smallest one; -1: none yet */
  readonly #total = numbers();
  readonly #least = numbers();
  #layer = 0;
  #paths = words();
  #befores = words();

  constructor() {
    this.#names.setInode(this.path(none, ''), 0);
  }

  get length(): number {
    return this.#names.length;
  }

  beginLayer(layer: number): void {
    this.#layer = layer;
    this.#paths = words();
    this.#befores = words();
  }

  /** Returns the number of a path. @param above path of its directory */
  path(above: number, text: ByteString): number {
    const known = this.#names.find(above, text);
    if (known !== none) return known;
    for (const column of [this.#isListed, this.#touchedBy, this.#size, this.#total]) column.push(0);
    this.#first.push(none);
    this.#least.push(-1);
    return this.#names.add(above, text, none, none);
  }

  /** Returns the path of the directory of a path; {@link none} for the root. */
  directory(path: number): number {
    return this.#names.directory(path);
  }

  /** Returns the last component of a path as bytes; '' for the root. */
  name(path: number): ByteString {
    return this.#names.text(path);
  }

  /** Compares the last components of two paths byte by byte: negative if `a` comes first. */
  compare(a: number, b: number): number {
    return this.#names.compare(a, b);
  }

  inode(path: number): number {
    return this.#names.inode(path);
  }

  size(path: number): number {
    return this.#size.get(path);
  }

  setSize(path: number, size: number): void {
    this.#size.set(path, size);
  }

  isTouched(path: number): boolean {
    return this.#touchedBy.get(path) === this.#layer + 1;
  }

  /** Puts a file at a path. */
  put(path: number, inode: number): void {
    this.#touch(path);
    this.#names.setInode(path, inode);
    if (inode === none || this.#isListed.get(path) === 1) return;
    const above = this.#names.directory(path);
    this.#isListed.set(path, 1);
    this.#names.setNext(path, this.#first.get(above));
    this.#first.set(above, path);
  }

  /**
   * Removes everything below a path.
   *
   * @param onRemoved called with each inode that loses a path
   * @returns bytes that the removed files had added
   */
  removeBelow(path: number, onRemoved: (inode: number) => void): number {
    let removed = 0;
    const todo = [path];
    for (let above = todo.pop(); above !== undefined; above = todo.pop()) {
      for (let at = this.#first.get(above), next = none; at !== none; at = next) {
        next = this.#names.next(at);
        this.#isListed.set(at, 0);
        const inode = this.#names.inode(at);
        if (inode === none) continue;
        removed += this.#size.get(at);
        this.#touch(at);
        this.#names.setInode(at, none);
        onRemoved(inode);
        todo.push(at);
      }
      this.#first.set(above, none);
    }
    return removed;
  }

  /** Yields the paths that the layer has touched, each once. */
  *touched(): Generator<Touched> {
    for (let at = 0; at < this.#paths.length; at++)
      yield { path: this.#paths.get(at), before: this.#befores.get(at) };
  }

  /** Records that a layer has the path: {@link efficiency}. @param size bytes; 0 for a deletion */
  addOccurrence(path: number, size: number): void {
    this.#total.set(path, this.#total.get(path) + size);
    const least = this.#least.get(path);
    if (least < 0 || size < least) this.#least.set(path, size);
  }

  /**
   * Returns the score of dive: the bytes of the smallest occurrence of each path, divided by the bytes of all occurrences; 1
   * for an image without bytes.
   */
  efficiency(): number {
    let [least, total] = [0, 0];
    for (let path = 0; path < this.length; path++) {
      least += Math.max(0, this.#least.get(path));
      total += this.#total.get(path);
    }
    return total === 0 ? 1 : least / total;
  }

  /** Returns the path as bytes; `.` for the root. */
  text(path: number): ByteString {
    const names: ByteString[] = [];
    for (let at = path; at !== 0; at = this.#names.directory(at)) names.push(this.#names.text(at));
    return names.reverse().reduce(childOf, '.');
  }

  #touch(path: number): void {
    if (this.isTouched(path)) return;
    this.#touchedBy.set(path, this.#layer + 1);
    this.#paths.push(path);
    this.#befores.push(this.#names.inode(path));
  }
}
