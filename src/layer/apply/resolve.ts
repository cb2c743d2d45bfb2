import type { ByteString } from '../../system/bytes.js';
import { E, isErrno, SystemError } from '../../system/errno.js';
import { readlinkat } from '../../system/files.js';
import { componentsReversed } from './paths.js';
import type { Target } from './target.js';
import { DirectoryNode, FileNode } from './tree.js';

/** As many as path_resolution(7) allows. */
const MAX_SYMLINKS = 40;
/** PATH_MAX leaves room for no more. */
const MAX_DEPTH = 2048;

/** Where a path that need not exist leads to. */
export interface Lookup {
  /** null: there is no such directory */
  dir: DirectoryNode | null;
  /** a symlink was followed */
  followed: boolean;
  /** what the current layer made is in the way: a symlink that was not followed, or another non-directory */
  replaced: boolean;
}

/**
 * Finds directories by their paths in the root. Symlinks are followed as if the target were `/`; each component is
 * opened by itself, without following anything.
 */
export class Resolver {
  readonly #target: Target;
  readonly #makeImplicit: (dir: DirectoryNode, name: ByteString) => DirectoryNode;
  /** what paths led to, since the last removal: only a removal can make a path lead elsewhere */
  readonly #cache = new Map<ByteString, DirectoryNode>();

  /** @param makeImplicit makes a directory that no entry is there for, in the place of whatever is no directory */
  constructor(target: Target, makeImplicit: (dir: DirectoryNode, name: ByteString) => DirectoryNode) {
    this.#target = target;
    this.#makeImplicit = makeImplicit;
  }

  /** To be called when anything was removed or replaced. */
  invalidate(): void {
    this.#cache.clear();
  }

  /**
   * The directory of this path; missing ones are made, also those that a symlink leads to, and what is no
   * directory is replaced by one.
   *
   * @param path cleaned; '' is the root
   * @throws SystemError; ELOOP, ENAMETOOLONG
   */
  make(path: ByteString): DirectoryNode {
    const cached = this.#cache.get(path);
    if (cached !== undefined) return cached;
    let links = 0;
    let dir = this.#target.tree.root;
    const todo = componentsReversed(path);
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const found = this.#step(dir, name);
      if (found instanceof DirectoryNode) dir = found;
      else if (typeof found === 'string') {
        if (++links > MAX_SYMLINKS) throw new SystemError(E.ELOOP, 'open', path);
        if (found.startsWith('/')) dir = this.#target.tree.root;
        todo.push(...componentsReversed(found));
      } else {
        if (dir.depth >= MAX_DEPTH) throw new SystemError(E.ENAMETOOLONG, 'open', path);
        dir = this.#makeImplicit(dir, name);
      }
    }
    this.#cache.set(path, dir);
    return dir;
  }

  /**
   * The directory of this path, if there is one; nothing is changed.
   *
   * @param own follow symlinks that the current layer made
   */
  find(path: ByteString, { own }: { own: boolean }): Lookup {
    const cached = own ? this.#cache.get(path) : undefined;
    if (cached !== undefined) return { dir: cached, followed: false, replaced: false };
    let links = 0;
    let dir = this.#target.tree.root;
    const todo = componentsReversed(path);
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const found = this.#step(dir, name);
      if (found instanceof DirectoryNode) dir = found;
      else if (found === null || (!own && this.#isOwn(dir, name)) || ++links > MAX_SYMLINKS) {
        return { dir: null, followed: links > 0, replaced: this.#isOwn(dir, name) };
      } else {
        if (found.startsWith('/')) dir = this.#target.tree.root;
        todo.push(...componentsReversed(found));
      }
    }
    return { dir, followed: links > 0, replaced: false };
  }

  #isOwn(dir: DirectoryNode, name: ByteString): boolean {
    const node = dir.children.get(name);
    return node instanceof FileNode && node.layer === this.#target.tree.layer;
  }

  /** What a component is: a directory, the target of a symlink, or (null) neither. */
  #step(dir: DirectoryNode, name: ByteString): DirectoryNode | ByteString | null {
    if (name === '..') return dir.parent ?? dir;
    const { tree } = this.#target;
    const known = dir.children.get(name);
    if (known instanceof DirectoryNode && known.seen === tree.layer) return known;
    const fd = this.#target.openIn(dir, name);
    if (fd >= 0) return this.#target.adopt(dir, name, fd);
    if (known instanceof DirectoryNode) this.#target.forget(dir, name);
    if (fd === -E.ENOENT) return null;
    if (fd !== -E.ENOTDIR && fd !== -E.ELOOP) throw new SystemError(-fd, 'openat', dir.pathOf(name));
    try {
      return readlinkat(this.#target.fd(dir), name);
    } catch (error) {
      if (isErrno(error, 'EINVAL')) return null;
      throw error;
    }
  }
}
