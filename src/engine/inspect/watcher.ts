import { numbers, shorts, words } from '../../layer/merged/columns.js';
import type { Metadata } from '../../layer/merged/inodes.js';
import { none } from '../../layer/merged/names.js';
import type { MergedTree, TreeWatcher } from '../../layer/merged/tree.js';
import type { Steps } from '../../system/steps.js';
import type { PathChanges } from './path-changes.js';
import { PathTable } from './path-table.js';

/** Paths, and bytes of regular files. */
export interface Amount {
  count: number;
  bytes: number;
}

/** What a layer does to the layers below. */
export interface LayerChanges {
  /** bytes of the uncompressed tar */
  uncompressed: number;
  /** new paths, with the bytes of the files that the layer brings */
  added: Amount;
  /** changed paths: another file, or a directory with other attributes; with the bytes of the new files */
  changed: Amount;
  /** removed paths, with the bytes of the files that lose their last name */
  deleted: Amount;
  /** bytes of files of lower layers that lose their last name, because the layer replaces or deletes them */
  wastes: number;
}

/** Counts what each layer changes. The work for a layer grows with what the layer names, not with the image. */
export class ChangeWatcher implements TreeWatcher {
  readonly layers: LayerChanges[] = [];
  readonly paths = new PathTable();
  readonly #tree: MergedTree;
  readonly #record: PathChanges | undefined;
  /** by path: bytes of its files that later layers made useless, and their number */
  readonly #wasted = numbers();
  readonly #copies = words();
  /** by inode: its paths; the number of the layer that brought its bytes, plus 1; the path of a directory */
  readonly #links = words();
  readonly #counted = shorts();
  readonly #pathOf = words();
  /** names that the layer changes, each once; by name: the number of the last layer that changed it, plus 1 */
  #names = words();
  readonly #namedBy = shorts();
  /** attributes, before the layer, of the directories that the layer lists */
  #directories = new Map<number, Metadata>();

  /** @param record gets each change of a path, by the numbers of {@link paths}; undefined: changes are only counted */
  constructor(tree: MergedTree, record?: PathChanges) {
    this.#tree = tree;
    this.#record = record;
    this.#inode(0);
    this.#pathOf.set(0, 0);
  }

  onName(name: number): void {
    while (this.#namedBy.length <= name) this.#namedBy.push(0);
    const layer = this.layers.length + 1;
    if (this.#namedBy.get(name) === layer) return;
    this.#namedBy.set(name, layer);
    this.#names.push(name);
  }

  onDirectory(inode: number): void {
    if (this.layers.length === 0 || this.#directories.has(inode)) return;
    this.#directories.set(inode, this.#tree.inodes.metadata(inode));
  }

  *onLayer(layer: number, uncompressed: number): Steps<void> {
    const none: Amount = { count: 0, bytes: 0 };
    const changes: LayerChanges = {
      ...{ uncompressed, wastes: 0 },
      ...{ added: { ...none }, changed: { ...none }, deleted: { ...none } },
    };
    this.paths.beginLayer(layer);
    yield* this.#followNames();
    for (const { path, before } of this.paths.touched()) {
      this.#count(changes, layer, path, before);
      yield;
    }
    changes.changed.count += this.#changedDirectories(layer);
    this.layers.push(changes);
    this.#names = words();
    this.#directories = new Map();
  }

  /** Yields the paths with files that later layers made useless. */
  *wasted(): Generator<{ path: number; bytes: number; copies: number }> {
    for (let path = 0; path < this.#wasted.length; path++) {
      const bytes = this.#wasted.get(path);
      if (bytes > 0) yield { path, bytes, copies: this.#copies.get(path) };
    }
  }

  /** Brings the paths to the state after the layer. */
  *#followNames(): Steps<void> {
    const { names } = this.#tree;
    let last = none;
    let isAttached = false;
    for (let at = 0; at < this.#names.length; at++) {
      const name = this.#names.get(at);
      const directory = names.directory(name);
      if (directory !== last) isAttached = this.#tree.isAttached(directory);
      last = directory;
      // what was in a detached directory goes with the path of the directory
      if (isAttached)
        this.#put(this.paths.path(this.#directoryPath(directory), names.text(name)), names.inode(name));
      yield;
    }
  }

  #put(path: number, inode: number): void {
    const before = this.paths.inode(path);
    if (before === inode) return;
    const drop = (removed: number) => this.#inode(removed, -1);
    let removed = 0;
    if (before !== none) {
      drop(before);
      if (this.#tree.inodes.isDirectory(before)) removed = this.paths.removeBelow(path, drop);
    }
    if (inode !== none) this.#inode(inode, 1);
    else this.paths.addOccurrence(path, removed);
    this.paths.put(path, inode);
  }

  #count(changes: LayerChanges, layer: number, path: number, before: number): void {
    const after = this.paths.inode(path);
    if (after === before) return;
    const lost = this.#lose(path, before);
    changes.wastes += lost;
    const kind = after === none ? 'deleted' : before === none ? 'added' : 'changed';
    this.#record?.add(layer, path, kind, after === none ? before : after, this.#tree.inodes);
    if (after === none) {
      add(changes.deleted, lost);
      return;
    }
    const size = this.#gain(after, layer);
    this.paths.setSize(path, size);
    add(changes[kind], size);
    if (before !== none || !this.#tree.inodes.isDirectory(after)) this.paths.addOccurrence(path, size);
  }

  /** Returns the bytes of a file that its last path has lost. */
  #lose(path: number, inode: number): number {
    if (inode === none || this.#links.get(inode) > 0 || this.#counted.get(inode) === 0) return 0;
    this.#counted.set(inode, 0);
    const size = this.#tree.inodes.size(inode);
    while (this.#wasted.length <= path) {
      this.#wasted.push(0);
      this.#copies.push(0);
    }
    this.#wasted.set(path, this.#wasted.get(path) + size);
    this.#copies.set(path, this.#copies.get(path) + 1);
    return size;
  }

  /** Returns the bytes of a file that the layer brings; 0 for further links to it. */
  #gain(inode: number, layer: number): number {
    if (!this.#tree.inodes.isRegular(inode) || this.#tree.inodes.layer(inode) !== layer) return 0;
    if (this.#counted.get(inode) !== 0) return 0;
    this.#counted.set(inode, layer + 1);
    return this.#tree.inodes.size(inode);
  }

  #changedDirectories(layer: number): number {
    let changed = 0;
    for (const [inode, before] of this.#directories) {
      if (!this.#tree.isAttached(inode)) continue;
      const path = this.#directoryPath(inode);
      if (this.paths.isTouched(path)) continue;
      if (sameAttributes(before, this.#tree.inodes.metadata(inode))) continue;
      this.#record?.add(layer, path, 'changed', inode, this.#tree.inodes);
      changed++;
    }
    return changed;
  }

  /** Returns the path of a directory, which never changes: directories have no hardlinks. */
  #directoryPath(inode: number): number {
    const { names } = this.#tree;
    const todo: number[] = [];
    let at = inode;
    for (this.#inode(at); this.#pathOf.get(at) === none; this.#inode(at)) {
      todo.push(at);
      at = this.#tree.parent(at);
    }
    let path = this.#pathOf.get(at);
    for (let below = todo.pop(); below !== undefined; below = todo.pop()) {
      path = this.paths.path(path, names.text(this.#tree.nameOfDirectory(below)));
      this.#pathOf.set(below, path);
    }
    return path;
  }

  /** Makes room for an inode, and changes the number of its paths. */
  #inode(inode: number, links = 0): void {
    while (this.#links.length <= inode) {
      this.#links.push(0);
      this.#counted.push(0);
      this.#pathOf.push(none);
    }
    if (links !== 0) this.#links.set(inode, this.#links.get(inode) + links);
  }
}

function add(amount: Amount, bytes: number): void {
  amount.count++;
  amount.bytes += bytes;
}

/** Equal sets of xattrs are one object in a tree. */
function sameAttributes(a: Metadata, b: Metadata): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.xattrs === b.xattrs;
}
