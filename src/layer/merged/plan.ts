import type { ByteString } from '../../system/bytes.js';
import { ancestors, childOf } from '../../system/paths.js';
import { opaqueName, sortPaths, whiteoutName } from '../generate/plan.js';
import type { MergedTree } from './tree.js';

/** What the tar of a merged tree contains. */
export interface MergedPlan {
  /** names of whiteouts and opaque markers, sorted */
  whiteouts: ByteString[];
  /** paths of directories, sorted: a directory comes before all that is in it */
  directories: { path: ByteString; inode: number }[];
  /** files of other types, sorted by their first names; the other names are hardlinks to it */
  files: { inode: number; names: ByteString[] }[];
}

/** The lowest layers of a tree, which a squash keeps. */
export interface KeptLayers {
  /** their number */
  count: number;
  /** the tree of these layers alone. A file has the same inode number in both trees. */
  tree: MergedTree;
}

/** A directory of the tree. */
interface Visit {
  path: ByteString;
  inode: number;
  /** true if the kept layers have the same directory at the path */
  isKept: boolean;
}

/**
 * Plans the layer that turns the kept layers into `tree`; without kept layers, the layer of the whole tree.
 *
 * Like each layer that layerhook generates, this one lists the directories above its files, and all names of a file if one
 * name is new: some programs extract a layer without the layers below.
 */
export function planMerged(tree: MergedTree, kept: KeptLayers | null): MergedPlan {
  return new Planner(tree, kept).plan();
}

class Planner {
  readonly #tree: MergedTree;
  readonly #kept: KeptLayers | null;
  readonly #whiteouts: ByteString[] = [];
  readonly #directories = new Map<ByteString, number>();
  /** all names of each file that is not a directory */
  readonly #names = new Map<number, ByteString[]>();
  readonly #changedFiles = new Set<number>();
  /** directories that the layer lists */
  readonly #listed = new Set<ByteString>();

  constructor(tree: MergedTree, kept: KeptLayers | null) {
    this.#tree = tree;
    this.#kept = kept;
  }

  plan(): MergedPlan {
    const todo: Visit[] = [];
    this.#directory('.', 0, 0, todo);
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) this.#visit(at, todo);
    const files = [...this.#changedFiles].map((inode) => ({ inode, names: this.#names.get(inode)! }));
    for (const { names } of files) names.sort();
    for (const { names } of files) for (const name of names) this.#listAbove(name);
    return {
      whiteouts: this.#whiteouts.sort(),
      directories: sortPaths(this.#listed).map((path) => ({ path, inode: this.#directories.get(path)! })),
      files: files.sort((a, b) => (a.names[0]! < b.names[0]! ? -1 : 1)),
    };
  }

  #visit({ path: directory, inode: at, isKept }: Visit, todo: Visit[]): void {
    const before = new Map<ByteString, number>();
    if (isKept) for (const { name, inode } of this.#kept!.tree.children(at)) before.set(name, inode);
    for (const { name, inode } of this.#tree.children(at)) {
      const path = childOf(directory, name);
      if (this.#tree.inodes.isDirectory(inode)) this.#directory(path, inode, before.get(name), todo);
      else this.#file(path, inode, before.get(name));
      before.delete(name);
    }
    for (const name of before.keys()) this.#hide(whiteoutName(childOf(directory, name)), directory);
  }

  /** @param before what the kept layers have at the path */
  #directory(path: ByteString, inode: number, before: number | undefined, todo: Visit[]): void {
    const { inodes } = this.#tree;
    const isKept = this.#kept !== null && before === inode;
    this.#directories.set(path, inode);
    if (!isKept || inodes.layer(inode) >= this.#kept!.count) this.#list(path);
    if (!isKept && before !== undefined && this.#kept?.tree.inodes.isDirectory(before))
      this.#hide(opaqueName(path), path);
    todo.push({ path, inode, isKept });
  }

  #file(path: ByteString, inode: number, before: number | undefined): void {
    if (before !== inode) this.#changedFiles.add(inode);
    const names = this.#names.get(inode);
    if (names === undefined) this.#names.set(inode, [path]);
    else names.push(path);
  }

  #hide(whiteout: ByteString, directory: ByteString): void {
    this.#whiteouts.push(whiteout);
    if (directory !== '.') this.#list(directory);
  }

  #list(directory: ByteString): void {
    this.#listed.add(directory);
    this.#listAbove(directory);
  }

  /** The root is listed only if it has changed. */
  #listAbove(path: ByteString): void {
    for (const parent of ancestors(path).reverse()) {
      if (this.#listed.has(parent)) return;
      this.#listed.add(parent);
    }
  }
}
