import { BadEntry } from '../layer/apply/errors.js';
import type { LowerFile } from '../layer/lower/lower-stack.js';
import { none } from '../layer/merged/names.js';
import { type ByteString, showBytes } from '../system/bytes.js';
import { AT_FDCWD, readlinkat } from '../system/files.js';
import { maxSymlinks } from '../system/path-limits.js';
import { childOf, componentsReversed, parentOf } from '../system/paths.js';
import { type LayerBudget, takeEntry, takeLinkSteps, takePath } from '../tar/budget.js';
import type { Below } from './below.js';
import { type ImageTree, replaces } from './tree.js';

/** A directory that {@link Paths.find} looked up. */
export interface Place {
  /** without symlinks */
  path: ByteString;
  /** in the image; {@link none} if only the lower layers have the directory */
  inode: number;
  /** a symlink of the lower layers was followed */
  followed: boolean;
}

/**
 * Finds directories by their paths, in the image and the layers below it as one tree. Symlinks are followed as if the root
 * of that tree were `/`.
 */
export class Paths {
  readonly #tree: ImageTree;
  readonly #below: Below;
  /** the path of the last directory that {@link make} returned: entries of one directory stand together */
  #last: { path: ByteString; inode: number } | null = null;
  readonly #budget: LayerBudget;
  /** directories that were made without an entry, parents first */
  readonly implicit: number[] = [];

  constructor(tree: ImageTree, below: Below, budget: LayerBudget) {
    this.#budget = budget;
    this.#tree = tree;
    this.#below = below;
  }

  /** Forgets the last path. Must be called when anything is removed, replaced or hidden. */
  invalidate(): void {
    this.#last = null;
  }

  /**
   * Returns the directory at a path. Makes the missing ones, also for symlinks' targets, and replaces other types of file.
   *
   * @throws BadEntry for too many symlinks, SystemError ENAMETOOLONG
   */
  make(path: ByteString): number {
    if (this.#last?.path === path) return this.#last.inode;
    const todo = componentsReversed(path);
    let at = 0;
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === '..') {
        at = this.#tree.parent(at);
        continue;
      }
      const child = this.#tree.child(at, name);
      if (child !== none && this.#tree.isDirectory(child)) {
        at = child;
        continue;
      }
      const target = this.#linkAt(at, name, child);
      if (target === null) {
        takeEntry(this.#budget, showBytes(path));
        takePath(this.#budget, path.length, showBytes(path));
        at = this.makeDirectory(at, name);
        this.implicit.push(at);
        continue;
      }
      if (++links > maxSymlinks) throw new BadEntry('its name leads through too many symlinks');
      if (target.startsWith('/')) at = 0;
      todo.push(...this.#follow(target, path));
    }
    // a new file may take the place of a lower symlink without a call of invalidate
    if (links === 0) this.#last = { path, inode: at };
    return at;
  }

  /** Makes a directory, in place of any file of the image. @throws SystemError ENAMETOOLONG */
  makeDirectory(directory: number, name: ByteString): number {
    const replaced = this.#tree.child(directory, name);
    const made = this.#tree.addDirectory(directory, name);
    if (replaced !== none) {
      this.#tree.setFlag(made, replaces);
      this.invalidate();
    }
    return made;
  }

  /**
   * Finds the directory at a path without changing anything.
   *
   * @param options `own`: true follows symlinks of the image too; `hidden`: true sees what whiteouts hide, as a hardlink does
   * @returns null if it is missing
   */
  find(path: ByteString, { own, hidden = false }: { own: boolean; hidden?: boolean }): Place | null {
    const todo = componentsReversed(path);
    let at: Place = { path: '.', inode: 0, followed: false };
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === '..') {
        at = this.#above(at);
        continue;
      }
      const next = this.#step(at, name, own, hidden);
      if (next === null) return null;
      if (typeof next !== 'string') {
        at = next;
        continue;
      }
      if (++links > maxSymlinks) return null;
      const followed = at.followed || at.inode === none || this.#tree.child(at.inode, name) === none;
      at = next.startsWith('/') ? { path: '.', inode: 0, followed } : { ...at, followed };
      todo.push(...this.#follow(next, path));
    }
    return at;
  }

  /** Returns what the lower layers show under a name of a directory in the image; null also where the image hides them. */
  lowerOf(directory: number, name: ByteString): LowerFile | null {
    if (!this.#seesLower(directory)) return null;
    return this.#below.find(childOf(this.#tree.pathOf(directory), name));
  }

  /** Does the same as {@link lowerOf}, also for what whiteouts hide. */
  lowerForLink({ inode, path }: Place, name: ByteString): LowerFile | null {
    if (inode !== none && !this.#seesLower(inode)) return null;
    return this.#below.findForLink(childOf(path, name));
  }

  /** Returns what the lower layers show at the path of a directory of the image. */
  lowerAt(directory: number): LowerFile | null {
    return this.#seesLower(directory) ? this.#below.find(this.#tree.pathOf(directory)) : null;
  }

  /** Returns the inode at a path without symlinks; {@link none} if the image lacks it. */
  inodeAt(path: ByteString): number {
    const todo = componentsReversed(path);
    let at = 0;
    for (let name = todo.pop(); name !== undefined && at !== none; name = todo.pop())
      at = this.#tree.isDirectory(at) ? this.#tree.child(at, name) : none;
    return at;
  }

  /** Returns true if the image has a file at a path without symlinks, or replaces a directory above it. */
  covers(path: ByteString): boolean {
    const todo = componentsReversed(path);
    let at = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (!this.#tree.isDirectory(at) || this.#tree.has(at, replaces)) return true;
      at = this.#tree.child(at, name);
      if (at === none) return false;
    }
    return true;
  }

  /** Returns one component further: a directory, the target of a symlink, or null for anything else. */
  #step(at: Place, name: ByteString, own: boolean, hidden: boolean): Place | ByteString | null {
    const path = childOf(at.path, name);
    const child = at.inode === none ? none : this.#tree.child(at.inode, name);
    if (child !== none) {
      if (this.#tree.isDirectory(child)) return { ...at, path, inode: child };
      return own ? (this.#tree.symlinks.get(child) ?? null) : null;
    }
    const lower = hidden ? this.lowerForLink(at, name) : this.#lowerIn(at, name);
    if (lower?.stat.isSymlink) return readlinkat(AT_FDCWD, lower.path);
    return lower?.stat.isDirectory ? { ...at, path, inode: none } : null;
  }

  #lowerIn({ inode, path }: Place, name: ByteString): LowerFile | null {
    return inode === none ? this.#below.find(childOf(path, name)) : this.lowerOf(inode, name);
  }

  #above(at: Place): Place {
    const path = parentOf(at.path);
    return { ...at, path, inode: path === '.' ? 0 : this.inodeAt(path) };
  }

  /** Returns the components of a symlink's target, the first one last. @throws LayerhookError LIMIT_EXCEEDED */
  #follow(target: ByteString, path: ByteString): ByteString[] {
    const components = componentsReversed(target);
    takeLinkSteps(this.#budget, components.length, showBytes(path));
    return components;
  }

  #linkAt(directory: number, name: ByteString, child: number): ByteString | null {
    if (child !== none) return this.#tree.symlinks.get(child) ?? null;
    const lower = this.lowerOf(directory, name);
    return lower?.stat.isSymlink ? readlinkat(AT_FDCWD, lower.path) : null;
  }

  /** Returns true if neither a directory nor one above it replaces those of the lower layers. */
  #seesLower(directory: number): boolean {
    for (let at = directory; ; at = this.#tree.parent(at)) {
      if (this.#tree.has(at, replaces)) return false;
      if (at === 0) return true;
    }
  }
}
