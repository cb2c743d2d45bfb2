import type { ByteString } from '../../system/bytes.js';
import { baseName, parentOf } from '../../system/paths.js';
import { type LayerBudget, takeKeptPath } from '../../tar/budget.js';
import type { CheckedEntry } from '../types.js';
import { Links } from './links.js';
import { Paths } from './paths.js';
import { MergeState } from './state.js';
import { Texts } from './texts.js';
import type { MergedTree } from './tree.js';

/**
 * Merges layers into a tree, lowest first: image-spec layer.md, "Applying Changesets", as an extraction would. Nothing is
 * written to disk.
 */
export class Merger {
  readonly #state: MergeState;
  readonly #paths: Paths;
  #links: Links;
  /** whiteouts below symlinks of the layers below, which the layer may still replace; `o` or `w` comes first */
  #later = new Texts();

  constructor(tree: MergedTree) {
    this.#state = new MergeState(tree);
    this.#paths = new Paths(this.#state);
    this.#links = new Links(this.#state, this.#paths);
  }

  /**
   * @param layer index of the layer
   * @param digest of its blob, for errors
   * @param budget counts what the entries cost; null: they come from a trusted source, or are counted elsewhere
   */
  begin(layer: number, digest: string, budget: LayerBudget | null): void {
    Object.assign(this.#state, { layer, digest, budget });
    this.#links = new Links(this.#state, this.#paths);
    this.#later = new Texts();
  }

  /**
   * Applies one entry.
   *
   * @param digest SHA-256 of a regular file's content, one char per byte; null: unknown
   * @throws BadEntry, LayerhookError LIMIT_EXCEEDED
   */
  add(entry: CheckedEntry, digest: ByteString | null): void {
    const { path, type } = entry;
    if (this.#state.budget !== null) takeKeptPath(this.#state.budget, entry);
    if (type === 'whiteout' || type === 'opaque') this.#whiteout(type === 'opaque' ? 'o' : 'w', path, true);
    else if (path === '.') this.#describe(0, entry);
    else if (type === 'directory')
      this.#describe(this.#state.enter(this.#parent(path), baseName(path)), entry);
    else if (type === 'hardlink') this.#links.add(this.#parent(path), baseName(path), entry.linkname);
    else this.#put(path, this.#newFile(type, entry, digest));
    this.#state.tree.checkLimits();
  }

  /** Makes the links that wait for a later entry, and removes what whiteouts hide. @throws LayerhookError LAYER_ENTRY */
  end(): void {
    this.#links.finish(this.#state.digest);
    for (let at = 0; at < this.#later.length; at++) {
      const text = this.#later.get(at);
      this.#whiteout(text.startsWith('o') ? 'o' : 'w', text.slice(1), false);
    }
    this.#state.removeHidden();
  }

  #parent(path: ByteString): number {
    return this.#paths.make(parentOf(path));
  }

  #put(path: ByteString, inode: number): void {
    this.#state.put(this.#parent(path), baseName(path), inode);
  }

  #describe(inode: number, entry: CheckedEntry): void {
    this.#state.tree.describe(inode, entry, this.#state.layer);
  }

  #newFile(
    type: 'file' | 'symlink' | 'char' | 'block' | 'fifo',
    entry: CheckedEntry,
    digest: ByteString | null,
  ): number {
    const { tree } = this.#state;
    const inode = tree.addInode(type);
    this.#describe(inode, type === 'symlink' ? { ...entry, mode: 0o777 } : entry);
    if (type === 'file') tree.inodes.setData(inode, entry, digest);
    else if (type === 'symlink') tree.inodes.setTarget(inode, entry.linkname);
    else if (type !== 'fifo') tree.inodes.setDevice(inode, entry.devMajor, entry.devMinor);
    return inode;
  }

  /** @param mayWait true: a whiteout below a symlink of the layers below waits for the end of the layer */
  #whiteout(kind: 'o' | 'w', path: ByteString, mayWait: boolean): void {
    const { tree } = this.#state;
    const directory = kind === 'o' ? path : parentOf(path);
    const found = this.#paths.find(directory, { own: false, hidden: false });
    if (found.directory === null) return;
    if (found.followed && mayWait) this.#later.push(kind + path);
    else if (kind === 'o') this.#state.hideAll(found.directory);
    else this.#state.hide(tree.nameOf(found.directory, baseName(path)));
  }
}
