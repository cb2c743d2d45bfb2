import { type ByteString, showBytes } from '../../system/bytes.js';
import { maxSymlinks } from '../../system/path-limits.js';
import { componentsReversed } from '../../system/paths.js';
import { takeEntry, takeLinkSteps, takePath } from '../../tar/budget.js';
import { BadPath } from '../apply/errors.js';
import { none } from './names.js';
import type { MergeState } from './state.js';

/** A lookup that found a directory, or the name that stopped it: missing, or neither a directory nor a symlink. */
export type Found = { directory: number; followed: boolean } | { directory: null; stop: number };

/** Finds and makes directories while a layer is merged. Symlinks are followed as if the root of the tree were `/`. */
export class Paths {
  readonly #state: MergeState;

  constructor(state: MergeState) {
    this.#state = state;
  }

  /**
   * Returns the directory at a path. Makes the missing ones, also for the targets of symlinks, and replaces files of other
   * types.
   *
   * @throws BadEntry, LayerhookError LIMIT_EXCEEDED
   */
  make(path: ByteString): number {
    const state = this.#state;
    if (state.last?.path === path) return state.last.directory;
    let at = 0;
    let links = 0;
    const todo = componentsReversed(path);
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const next = this.#step(at, name, false);
      if (next === null) at = this.#makeImplicit(at, name, path);
      else if (typeof next === 'number') at = next;
      else {
        if (++links > maxSymlinks) throw new BadPath('its name leads through too many symlinks');
        if (next.target.startsWith('/')) at = 0;
        todo.push(...this.#follow(next.target, path));
      }
    }
    if (links === 0) state.last = { path, directory: at };
    return at;
  }

  /**
   * Finds the directory at a path without changing anything. @throws LayerhookError LIMIT_EXCEEDED
   *
   * @param options `own`: follow symlinks that the current layer made; `hidden`: see what its whiteouts hide
   */
  find(path: ByteString, { own, hidden }: { own: boolean; hidden: boolean }): Found {
    const { tree, layer } = this.#state;
    let at = 0;
    let links = 0;
    const todo = componentsReversed(path);
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const next = this.#step(at, name, hidden);
      if (typeof next === 'number') at = next;
      else if (next === null || (!own && tree.layerOfName(next.name) === layer) || ++links > maxSymlinks)
        return { directory: null, stop: tree.nameOf(at, name) };
      else {
        if (next.target.startsWith('/')) at = 0;
        todo.push(...this.#follow(next.target, path));
      }
    }
    return { directory: at, followed: links > 0 };
  }

  /** Makes a directory without an entry, on the way to `path`. */
  #makeImplicit(at: number, name: ByteString, path: ByteString): number {
    const { budget, digest } = this.#state;
    if (budget !== null) {
      takeEntry(budget, digest);
      takePath(budget, path.length, showBytes(path));
    }
    return this.#state.enter(at, name);
  }

  /** Returns the components of a symlink's target, the first one last. */
  #follow(target: ByteString, path: ByteString): ByteString[] {
    const components = componentsReversed(target);
    const { budget } = this.#state;
    if (budget !== null) takeLinkSteps(budget, components.length, showBytes(path));
    return components;
  }

  /** Returns one component further: a directory, a symlink, or null for anything else. */
  #step(at: number, text: ByteString, hidden: boolean): number | { name: number; target: ByteString } | null {
    const { tree } = this.#state;
    if (text === '..') return tree.parent(at);
    const name = tree.names.find(at, text);
    if (name === none || (!hidden && tree.isHidden(name))) return null;
    const inode = tree.names.inode(name);
    if (inode === none) return null;
    if (tree.inodes.isDirectory(inode)) return inode;
    return tree.inodes.isSymlink(inode) ? { name, target: tree.inodes.target(inode) } : null;
  }
}
