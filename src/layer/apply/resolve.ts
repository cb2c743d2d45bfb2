import type { ByteString } from '../../system/bytes.js';
import { E, isErrno, SystemError } from '../../system/errno.js';
import { readlinkat } from '../../system/files.js';
import { componentsReversed } from './paths.js';
import type { Target } from './target.js';
import { DirectoryNode, FileNode } from './tree.js';

/** The limit of path_resolution(7). */
const MAX_SYMLINKS = 40;
/** The deepest directory whose path fits PATH_MAX. */
const MAX_DEPTH = 2048;

/** The result of looking up a path, which need not exist. */
export interface Lookup {
  /** null: the directory does not exist */
  dir: DirectoryNode | null;
  /** a symlink was followed */
  followed: boolean;
  /** a file of the current layer is in the way: a symlink that was not followed, or another non-directory */
  replaced: boolean;
}

/**
 * Finds directories by their paths in the root. It resolves symlinks itself, as if the root were `/`, and opens each
 * component separately without following symlinks.
 */
export class Resolver {
  readonly #target: Target;
  readonly #makeImplicit: (dir: DirectoryNode, name: ByteString) => DirectoryNode;
  /** results since the last removal; only a removal can make a path lead elsewhere */
  readonly #cache = new Map<ByteString, DirectoryNode>();

  /** @param makeImplicit creates a directory without an entry, replacing any other type of file */
  constructor(target: Target, makeImplicit: (dir: DirectoryNode, name: ByteString) => DirectoryNode) {
    this.#target = target;
    this.#makeImplicit = makeImplicit;
  }

  /** Forgets cached results. Must be called when anything is removed or replaced. */
  invalidate(): void {
    this.#cache.clear();
  }

  /**
   * Returns the directory at a path. Creates missing directories, including those that symlinks lead to, and replaces
   * other types of files by directories.
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
   * Finds the directory at a path without changing anything.
   *
   * @param own true: follow symlinks that the current layer made
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

  /** Looks up one component: a directory, the target of a symlink, or null for anything else. */
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
