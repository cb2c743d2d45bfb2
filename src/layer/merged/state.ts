import type { ByteString } from '../../system/bytes.js';
import type { LayerBudget } from '../../tar/budget.js';
import { shorts } from './columns.js';
import { none } from './names.js';
import { implicit, type MergedTree } from './tree.js';

/** The last layer that did something to each inode. */
class LastLayer {
  /** number of the layer plus 1; 0: no layer */
  readonly #layers = shorts();

  set(inode: number, layer: number): void {
    while (this.#layers.length <= inode) this.#layers.push(0);
    this.#layers.set(inode, layer + 1);
  }

  is(inode: number, layer: number): boolean {
    return inode < this.#layers.length && this.#layers.get(inode) === layer + 1;
  }
}

/** What is known while layers are merged into a tree, and the changes of a name that all parts share. */
export class MergeState {
  readonly tree: MergedTree;
  /** index of the current layer */
  layer = 0;
  /** digest of its blob, for errors */
  digest = '';
  /** what the layers may cost; null: they cost nothing */
  budget: LayerBudget | null = null;
  /** directories that have an entry in the layer, or that the layer makes */
  readonly listed = new LastLayer();
  /** directories that the layer lists or makes, and directories in which it lists or makes something */
  readonly upper = new LastLayer();
  /** directories in which the layer hides everything of the layers below */
  readonly opaque = new LastLayer();
  /** names that whiteouts of the layer have hidden */
  hidden: number[] = [];
  /** the directory of the last entry: entries of one directory stand together */
  last: { path: ByteString; directory: number } | null = null;

  constructor(tree: MergedTree) {
    this.tree = tree;
  }

  /** Makes a name lead to a file that the layer makes or links. */
  put(directory: number, name: ByteString, inode: number): number {
    const before = this.tree.child(directory, name);
    if (before !== none && !this.tree.inodes.isRegular(before)) this.last = null;
    this.markUpper(directory);
    return this.tree.setChild(directory, name, inode, this.layer);
  }

  /** Returns the existing directory of this name, or a new one. The layer makes or lists it. */
  enter(directory: number, name: ByteString): number {
    const { tree, layer } = this;
    const there = tree.child(directory, name);
    let inode = there;
    if (there === none || !tree.inodes.isDirectory(there)) {
      inode = tree.addDirectory(directory, name, layer);
      tree.describe(inode, implicit, layer);
      if (there !== none) this.last = null;
    } else if (tree.isHidden(tree.names.find(directory, name))) {
      tree.setChild(directory, name, there, layer);
      tree.describe(there, implicit, layer);
      this.hideAll(there);
    }
    this.listed.set(inode, layer);
    this.markUpper(inode);
    return inode;
  }

  /** Hides a name of the layers below. Of a directory with files of this layer, hides all else in it. */
  hide(name: number): void {
    const todo = [name];
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) this.#hide(at, todo);
    this.last = null;
  }

  /** Hides everything of the layers below in a directory. */
  hideAll(directory: number): void {
    const todo: number[] = [];
    this.#open(directory, todo);
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) this.#hide(at, todo);
    this.last = null;
  }

  /** Removes what is still hidden, at the end of the layer. */
  removeHidden(): void {
    for (const name of this.hidden) if (this.tree.isHidden(name)) this.tree.removeChild(name);
    this.hidden = [];
    this.last = null;
  }

  markUpper(directory: number): void {
    for (let at = directory; !this.upper.is(at, this.layer); at = this.tree.parent(at))
      this.upper.set(at, this.layer);
  }

  /** No recursion, because the image chooses the depth. @param todo gets the names that must be hidden too */
  #hide(name: number, todo: number[]): void {
    const { tree, layer } = this;
    const inode = tree.names.inode(name);
    if (inode === none) return;
    const isDirectory = tree.inodes.isDirectory(inode);
    const isOwn = tree.layerOfName(name) === layer || (isDirectory && this.upper.is(inode, layer));
    if (!isOwn) {
      if (!tree.isHidden(name)) this.hidden.push(name);
      tree.hide(name);
    } else if (isDirectory) {
      if (!this.listed.is(inode, layer)) tree.describe(inode, implicit, layer);
      this.listed.set(inode, layer);
      this.#open(inode, todo);
    }
  }

  /** Once is enough: what the layer makes in the directory later shows nothing of the layers below either. */
  #open(directory: number, todo: number[]): void {
    if (this.opaque.is(directory, this.layer)) return;
    this.opaque.set(directory, this.layer);
    for (const name of this.tree.namesIn(directory)) todo.push(name);
  }
}
