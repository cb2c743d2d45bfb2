import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Header, ManifestWriter, umociKeywords } from 'mtree-ts';
import { type ByteString, fromText } from '../../system/bytes.js';
import { AT_FDCWD, close, O, openat, readlinkat, S } from '../../system/files.js';
import { StatBuffer, statAt } from '../../system/stat.js';
import { pathIn, readXattrs } from '../../system/xattr.js';
import { manifestValues } from '../manifest-values.js';
import { DirectoryNode, type FileNode, type Tree } from './tree.js';

const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;

/**
 * Writes umoci's mtree manifest of a directory from what is known of it since it was extracted: each file is looked
 * at once more, for its size, links and attributes, but no content is read.
 *
 * @param tree lists all that is in the directory
 * @param file path of the manifest; it appears whole or not at all
 * @throws SystemError if what the tree lists is not there
 */
export function writeTreeManifest(root: string, tree: Tree, file: string, header: Header): void {
  const temporary = `${file}.tmp`;
  const fd = openSync(temporary, 'w', 0o644);
  try {
    const writer = new ManifestWriter((chunk) => writeSync(fd, chunk), { keywords: umociKeywords, header });
    new TreeWalk(tree, writer).directory(AT_FDCWD, fromText(root), '.', tree.root);
    writer.end();
    fsyncSync(fd);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

class TreeWalk {
  readonly #tree: Tree;
  readonly #writer: ManifestWriter;
  readonly #stat = new StatBuffer();

  constructor(tree: Tree, writer: ManifestWriter) {
    this.#tree = tree;
    this.#writer = writer;
  }

  directory(parentfd: number, path: ByteString, name: ByteString, node: DirectoryNode): void {
    const fd = openat(parentfd, path, DIRECTORY);
    try {
      statAt(fd, '.', this.#stat);
      this.#writer.enterDirectory(name, manifestValues({ stat: this.#stat, xattrs: readXattrs(fd) }));
      const directories: [ByteString, DirectoryNode][] = [];
      for (const [child, childNode] of sorted(node)) {
        if (childNode instanceof DirectoryNode) directories.push([child, childNode]);
        else this.#file(fd, child, childNode);
      }
      for (const [child, childNode] of directories) this.directory(fd, child, child, childNode);
      this.#writer.leaveDirectory();
    } finally {
      close(fd);
    }
  }

  #file(dirfd: number, name: ByteString, node: FileNode): void {
    const stat = this.#stat;
    if (!statAt(dirfd, name, stat)) throw new Error(`what was extracted is gone: ${name}`);
    const regular = stat.type === S.IFREG;
    const values = manifestValues({
      stat,
      xattrs: regular ? readXattrs(pathIn(dirfd, name)) : new Map(),
      ...(stat.type === S.IFLNK && { link: readlinkat(dirfd, name) }),
      ...(regular && { sha256: this.#digest(dirfd, name, node) }),
    });
    this.#writer.file(name, values);
  }

  /** A hardlink to a file whose content this applier did not write has no digest yet. */
  #digest(dirfd: number, name: ByteString, node: FileNode): string {
    return node.digest >= 0 ? this.#tree.digests.hex(node.digest) : hashFile(dirfd, name);
  }
}

function sorted(node: DirectoryNode): [ByteString, DirectoryNode | FileNode][] {
  return [...node.children].sort(([a], [b]) => (a < b ? -1 : 1));
}

function hashFile(dirfd: number, name: ByteString): string {
  const fd = openat(dirfd, name, O.RDONLY | O.NOFOLLOW | O.CLOEXEC);
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
