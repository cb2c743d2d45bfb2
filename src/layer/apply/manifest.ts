import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Header, ManifestWriter, umociKeywords } from 'mtree-ts/write';
import { LayerhookError } from '../../errors/index.js';
import { fchmodat } from '../../system/attributes.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { isErrno, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, openat, readlinkat, S, writeAll } from '../../system/files.js';
import { StatBuffer, statAt } from '../../system/stat.js';
import { pathIn, readXattrs } from '../../system/xattr.js';
import { manifestValues } from '../manifest-values.js';
import { DirectoryNode, type FileNode, type Tree } from './tree.js';

const asRoot = process.geteuid?.() === 0;
const PATH_MAX = 4096;
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;

/**
 * Writes umoci's mtree manifest of a directory from what is known of it since it was extracted: each file is looked
 * at once more, for its size, links and attributes, but no content is read.
 *
 * @param tree lists all that is in the directory
 * @param file path of the manifest; it appears whole or not at all
 * @throws LayerhookError NO_SPACE; SYSTEM, also if what the tree lists is not there
 */
export function writeTreeManifest(root: string, tree: Tree, file: string, header: Header): void {
  const temporary = `${file}.tmp`;
  try {
    writeWhole(temporary, (write) => {
      const writer = new ManifestWriter(write, { keywords: umociKeywords, header });
      new TreeWalk(tree, writer).directory({ fd: AT_FDCWD, path: '' }, fromText(resolve(root)), tree.root);
      writer.end();
    });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw manifestError(error, file);
  }
}

function writeWhole(path: string, produce: (write: (chunk: Buffer) => void) => void): void {
  const fd = openSync(path, 'w', 0o644);
  try {
    produce((chunk) => writeAll(fd, chunk, null));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const none: ReadonlyMap<ByteString, Buffer> = new Map();

class TreeWalk {
  readonly #tree: Tree;
  readonly #writer: ManifestWriter;
  readonly #stat = new StatBuffer();

  constructor(tree: Tree, writer: ManifestWriter) {
    this.#tree = tree;
    this.#writer = writer;
  }

  directory(parent: OpenDirectory, name: ByteString, node: DirectoryNode): void {
    this.#look(parent.fd, name);
    withAccess(parent.fd, name, this.#stat.mode, 0o500, () => {
      const fd = openat(parent.fd, name, DIRECTORY);
      try {
        this.#directory({ fd, path: parent.path === '' ? name : `${parent.path}/${name}` }, name, node);
      } finally {
        close(fd);
      }
    });
  }

  #directory(dir: OpenDirectory, name: ByteString, node: DirectoryNode): void {
    this.#writer.enterDirectory(name, manifestValues({ stat: this.#stat, xattrs: readXattrs(dir.fd) }));
    const directories: [ByteString, DirectoryNode][] = [];
    for (const [child, childNode] of sorted(node)) {
      if (childNode instanceof DirectoryNode) directories.push([child, childNode]);
      else this.#file(dir, child, childNode);
    }
    for (const [child, childNode] of directories) this.directory(dir, child, childNode);
    this.#writer.leaveDirectory();
  }

  #file(dir: OpenDirectory, name: ByteString, node: FileNode): void {
    const dirfd = dir.fd;
    this.#look(dirfd, name);
    const stat = this.#stat;
    const regular = stat.type === S.IFREG;
    const read = <T>(action: () => T) => withAccess(dirfd, name, stat.mode, 0o400, action);
    const values = manifestValues({
      stat,
      xattrs: regular && !node.bare ? read(() => readXattrs(xattrPath(dir, name))) : none,
      ...(stat.type === S.IFLNK && { link: readlinkat(dirfd, name) }),
      ...(regular && { sha256: read(() => this.#digest(dirfd, name, node)) }),
    });
    this.#writer.file(name, values);
  }

  #look(dirfd: number, name: ByteString): void {
    if (!statAt(dirfd, name, this.#stat)) throw new SystemError('ENOENT', 'statx', name);
  }

  /** A hardlink to a file whose content this applier did not write has no digest yet. */
  #digest(dirfd: number, name: ByteString, node: FileNode): string {
    return node.digest >= 0 ? this.#tree.digests.hex(node.digest) : hashFile(dirfd, name);
  }
}

interface OpenDirectory {
  fd: number;
  /** absolute, without symlinks below the root of the tree */
  path: ByteString;
}

/** The path itself is twice as fast as that through /proc, where it is short enough. */
function xattrPath({ fd, path }: OpenDirectory, name: ByteString): ByteString {
  return path.length + name.length < PATH_MAX - 1 ? `${path}/${name}` : pathIn(fd, name);
}

/** Runs `action`; where its mode keeps us out of a file of ours, with the mode changed meanwhile. */
function withAccess<T>(dirfd: number, name: ByteString, mode: number, needed: number, action: () => T): T {
  if (asRoot || (mode & needed) === needed) return action();
  fchmodat(dirfd, name, mode | needed);
  try {
    return action();
  } finally {
    fchmodat(dirfd, name, mode);
  }
}

function sorted(node: DirectoryNode): [ByteString, DirectoryNode | FileNode][] {
  return [...node.children].sort(([a], [b]) => (a < b ? -1 : 1));
}

function hashFile(dirfd: number, name: ByteString): string {
  const fd = openat(dirfd, name, O.RDONLY | O.NOFOLLOW);
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(64 * 1024);
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer))
      hash.update(buffer.subarray(0, read));
    return hash.digest('hex');
  } finally {
    close(fd);
  }
}

function manifestError(error: unknown, file: string): unknown {
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) return new LayerhookError('NO_SPACE', { path: file }, error);
  if (!(error instanceof Error && 'code' in error) || error instanceof LayerhookError) return error;
  const what = error instanceof SystemError ? showBytes(error.path) : file;
  const expected = 'nothing else may change the rootfs while it is unpacked';
  return new LayerhookError(
    'SYSTEM',
    { what: `manifest: ${what}`, reason: String(error.code), expected },
    error,
  );
}
