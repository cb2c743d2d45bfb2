import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { resolve } from 'node:path';
import { ManifestWriter, umociKeywords } from 'mtree-ts/write';
import { fsError, systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { openat, readlinkat, statAt } from '../../system/access.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { Descent } from '../../system/descent.js';
import { isErrno, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, S, writeAll } from '../../system/files.js';
import { pathMax } from '../../system/path-limits.js';
import { DT, readDirectory } from '../../system/readdir.js';
import { StatBuffer } from '../../system/stat.js';
import { replaceFile } from '../../system/write-file.js';
import { pathIn, readXattrs } from '../../system/xattr.js';
import { UsageCounter } from '../count-usage.js';
import { mtreeValues } from '../mtree-values.js';
import type { Usage } from '../types.js';
import type { ManifestRequest, SinceApplied } from './messages.js';
import { DirectoryNode, FileNode, type Node, type Tree } from './tree.js';

/**
 * Writes umoci's mtree manifest of a directory from what the extraction recorded about it. Where files may have changed
 * since, directories are listed again and files are checked again for size, link and xattrs. Content is read only for
 * files without a recorded digest.
 *
 * @param request `file` appears complete or not at all
 * @param tree lists the directory's content after extraction
 * @returns disk usage of the directory
 * @throws LayerhookError NO_SPACE; SYSTEM, also if a listed file is missing although nothing should have changed
 */
export function writeTreeManifest(
  { target, file, header, since, ends }: Omit<ManifestRequest, 'track'>,
  tree: Tree,
): Usage {
  const counter = new UsageCounter();
  const produce = (fd: number) => {
    const write = (chunk: Buffer) => writeAll(fd, chunk, null);
    const writer = new ManifestWriter(write, { keywords: umociKeywords, header });
    new TreeWalk(tree, writer, counter, since).run(fromText(resolve(target)), tree.root);
    writer.end();
  };
  try {
    replaceFile(file, produce, { flush: !ends });
    return counter.usage;
  } catch (error) {
    throw manifestError(error, file);
  }
}

const none: ReadonlyMap<ByteString, Buffer> = new Map();

class TreeWalk {
  readonly #tree: Tree;
  readonly #writer: ManifestWriter;
  readonly #counter: UsageCounter;
  readonly #stat = new StatBuffer();
  readonly #since: SinceApplied;

  constructor(tree: Tree, writer: ManifestWriter, counter: UsageCounter, since: SinceApplied) {
    this.#tree = tree;
    this.#writer = writer;
    this.#counter = counter;
    this.#since = since;
  }

  /** Walks the directory `target`. It does not recurse, because the image chooses the depth. */
  run(target: ByteString, root: DirectoryNode): void {
    const way = new Descent(AT_FDCWD);
    const levels: Level[] = [];
    try {
      this.#enter(way, levels, '', target, root);
      for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
        const child = level.todo.pop();
        if (child !== undefined) this.#enter(way, levels, `${level.path}/`, ...child);
        else {
          this.#writer.leaveDirectory();
          levels.pop();
          const left = way.leave();
          if (left < 0) throw new SystemError(-left, 'openat', level.path);
        }
      }
    } finally {
      way.close();
    }
  }

  #enter(way: Descent, levels: Level[], prefix: ByteString, name: ByteString, node: DirectoryNode): void {
    this.#look(way.fd, name);
    const entered = way.enter(name);
    if (entered < 0) throw new SystemError(-entered, 'openat', name);
    const level: Level = { path: prefix + name, todo: [] };
    levels.push(level);
    const { fd } = way;
    this.#writer.enterDirectory(name, mtreeValues({ stat: this.#stat, xattrs: readXattrs(fd) }));
    for (const [child, childNode] of this.#since === 'changed' ? listed(node, fd) : sorted(node)) {
      if (childNode instanceof DirectoryNode) level.todo.push([child, childNode]);
      else this.#file({ fd, path: level.path }, child, childNode);
    }
    level.todo.reverse();
  }

  #file(dir: OpenDirectory, name: ByteString, node: FileNode): void {
    const dirfd = dir.fd;
    this.#look(dirfd, name);
    const stat = this.#stat;
    const regular = stat.type === S.IFREG;
    const values = mtreeValues({
      stat,
      xattrs: regular && !node.bare ? readXattrs(xattrPath(dir, name)) : none,
      ...(stat.type === S.IFLNK && { link: readlinkat(dirfd, name) }),
      ...(regular && { sha256: this.#digest(dirfd, name, node) }),
    });
    this.#writer.file(name, values);
  }

  #look(dirfd: number, name: ByteString): void {
    if (!statAt(dirfd, name, this.#stat)) throw new SystemError('ENOENT', 'statx', name);
    this.#counter.add(this.#stat);
  }

  /** Returns the content's digest. It is not recorded for a hardlink to a file that this applier did not write. */
  #digest(dirfd: number, name: ByteString, node: FileNode): string {
    return node.digest >= 0 ? this.#tree.digests.hex(node.digest) : hashFile(dirfd, name);
  }
}

/** A directory that the walk is in. */
interface Level {
  path: ByteString;
  /** directories in it that must still be visited, the last one first */
  todo: [ByteString, DirectoryNode][];
}

interface OpenDirectory {
  fd: number;
  /** absolute, without symlinks below the root of the tree */
  path: ByteString;
}

/** Returns a path for xattr calls. The plain path is twice as fast as the one through /proc, but may be too long. */
function xattrPath({ fd, path }: OpenDirectory, name: ByteString): ByteString {
  return path.length + name.length < pathMax - 1 ? `${path}/${name}` : pathIn(fd, name);
}

/** Lists a directory from the tree, sorted by name. */
function sorted({ children }: DirectoryNode): [ByteString, Node][] {
  return [...children].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Lists a directory from disk, sorted by name. Files that the tree does not know get empty nodes. */
function listed(node: DirectoryNode, fd: number): [ByteString, Node][] {
  const stat = new StatBuffer();
  const found = readDirectory(fd).map(({ name, type }): [ByteString, Node] => {
    const known = node.children.get(name);
    const isDirectory = type === DT.UNKNOWN ? statAt(fd, name, stat) && stat.isDirectory : type === DT.DIR;
    if (isDirectory) return [name, known instanceof DirectoryNode ? known : new DirectoryNode(node, name)];
    return [name, known instanceof FileNode ? known : new FileNode(0, -1)];
  });
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

function hashFile(dirfd: number, name: ByteString): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(64 * 1024);
  const fd = openat(dirfd, name, O.RDONLY | O.NOFOLLOW);
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer))
      hash.update(buffer.subarray(0, read));
    return hash.digest('hex');
  } finally {
    close(fd);
  }
}

function manifestError(error: unknown, file: string): unknown {
  if (!(error instanceof Error && 'code' in error)) return error;
  const what = `manifest: ${error instanceof SystemError ? showBytes(error.path) : file}`;
  if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return fsError(error, what);
  const expected = 'no other process may change the rootfs while it is unpacked';
  return new LayerhookError('SYSTEM', { what, reason: systemWords(error), expected }, error);
}
