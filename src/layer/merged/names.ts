import type { ByteString } from '../../system/bytes.js';
import { bytes, words } from './columns.js';

/** In place of an index: nothing. */
export const none = 0xffffffff;

/**
 * The names of all directories of an image, each with the inode that it leads to. A name never goes away: one that leads
 * nowhere has the inode {@link none}. One hash table for all directories, and one buffer for all names: about 40 bytes for
 * each name, where a Map for each directory would take 150.
 */
export class Names {
  readonly #directory = words();
  readonly #at = words();
  readonly #length = bytes();
  readonly #inode = words();
  /** the next name of the same directory */
  readonly #next = words();
  #text = Buffer.alloc(4096);
  #textEnd = 0;
  #table = new Uint32Array(1024).fill(none);

  /** Number of all names. */
  get length(): number {
    return this.#inode.length;
  }

  inode(name: number): number {
    return this.#inode.get(name);
  }

  setInode(name: number, inode: number): void {
    this.#inode.set(name, inode);
  }

  directory(name: number): number {
    return this.#directory.get(name);
  }

  next(name: number): number {
    return this.#next.get(name);
  }

  setNext(name: number, next: number): void {
    this.#next.set(name, next);
  }

  /** Compares two names byte by byte: negative if `a` comes first. */
  compare(a: number, b: number): number {
    const [start, other] = [this.#at.get(a), this.#at.get(b)];
    const [end, otherEnd] = [start + this.#length.get(a), other + this.#length.get(b)];
    return this.#text.compare(this.#text, other, otherEnd, start, end);
  }

  /** Bytes of all names together. */
  get textBytes(): number {
    return this.#textEnd;
  }

  byteLength(name: number): number {
    return this.#length.get(name);
  }

  text(name: number): ByteString {
    const at = this.#at.get(name);
    return this.#text.toString('latin1', at, at + this.#length.get(name));
  }

  /** Copies the bytes of a name. */
  copy(name: number, target: Buffer, at: number): void {
    const start = this.#at.get(name);
    this.#text.copy(target, at, start, start + this.#length.get(name));
  }

  /** Returns the name of this text in a directory, or {@link none}. */
  find(directory: number, text: ByteString): number {
    const table = this.#table;
    const mask = table.length - 1;
    for (let slot = hashOf(directory, text) & mask; ; slot = (slot + 1) & mask) {
      const name = table[slot]!;
      if (name === none || this.#is(name, directory, text)) return name;
    }
  }

  /** Adds a name that the directory lacks. @param next the name that the directory lists after it */
  add(directory: number, text: ByteString, inode: number, next: number): number {
    if (this.length * 2 >= this.#table.length) this.#growTable();
    const name = this.#inode.push(inode);
    this.#directory.push(directory);
    this.#next.push(next);
    this.#at.push(this.#append(text));
    this.#length.push(text.length);
    this.#insert(name, hashOf(directory, text));
    return name;
  }

  #is(name: number, directory: number, text: ByteString): boolean {
    if (this.#directory.get(name) !== directory || this.#length.get(name) !== text.length) return false;
    const at = this.#at.get(name);
    for (let i = 0; i < text.length; i++) if (this.#text[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  #append(text: ByteString): number {
    const at = this.#textEnd;
    if (at + text.length > this.#text.length) this.#text = Buffer.concat([this.#text], this.#text.length * 2);
    this.#textEnd += this.#text.write(text, at, 'latin1');
    return at;
  }

  #growTable(): void {
    this.#table = new Uint32Array(this.#table.length * 2).fill(none);
    for (let name = 0; name < this.length; name++)
      this.#insert(name, hashOf(this.#directory.get(name), this.text(name)));
  }

  #insert(name: number, hash: number): void {
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    while (this.#table[slot] !== none) slot = (slot + 1) & mask;
    this.#table[slot] = name;
  }
}

/** Differs in each process: a layer cannot choose names that collide. */
const seed = (Math.random() * 2 ** 32) >>> 0;

/** FNV-1a over the name, begun with the directory and mixed at the end. */
function hashOf(directory: number, text: ByteString): number {
  let hash = seed ^ Math.imul(directory + 1, 0x9e3779b1);
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
