import { constants, fstatSync, openSync, readSync } from 'node:fs';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { close } from '../../system/close.js';
import { closeOnError } from '../../system/close-on-error.js';
import { layerBudget } from '../../tar/budget.js';
import { TarReader } from '../../tar/index.js';
import type { ByteSource } from '../../tar/types.js';
import { requireSize } from '../layout-files.js';
import { invalidLayout } from '../version.js';

/** A regular file in a tar: where its bytes are in the tar. */
export interface Member {
  offset: number;
  size: number;
}

/** The files and symlinks of a tar by clean name (no leading `./` or `/`). */
export interface Members {
  files: Map<string, Member>;
  /** targets of symlinks and hardlinks; a hardlink's target begins with a slash: it is a name in the tar */
  links: Map<string, string>;
  /** names that occur several times: readers of such a tar may see different files */
  repeated: Set<string>;
}

/** Limits for a hostile tar. The names of a layout's files are shorter than 200 bytes. */
const maxMembers = 100_000;
const maxNameBytes = 512;
/** Bytes of a tar in one read. Each member costs about one read, because its content is skipped. */
const readBytes = 4096;

const compressions: [name: string, magic: string][] = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68'],
];

/**
 * Lists the files in a tar. Reads the headers only. If a name occurs several times, the last member counts, as in an
 * extraction. Names with `..` are left out, because nothing of a layout has them; so are sparse files, because their
 * bytes are not in one piece.
 *
 * @param file path of the tar
 * @param path name of the layout, for errors
 * @throws LayerhookError LAYOUT_NOT_FOUND; LAYOUT_INVALID if the file is not a tar, compressed or cut off; LIMIT_EXCEEDED; SYSTEM
 */
export function readMembers(file: string, path: string): Members {
  const fd = openTar(file, path);
  try {
    return listMembers(new TarReader(new FileSource(fd), { budget: layerBudget({ entries: maxMembers }) }));
  } catch (error) {
    throw explained(error, fd, path);
  } finally {
    close(fd);
  }
}

/**
 * Reads a small file in a tar.
 *
 * @param what its name, for errors
 * @throws LayerhookError LIMIT_EXCEEDED, LAYOUT_INVALID if the tar became shorter, SYSTEM
 */
export function readMember(file: string, { offset, size }: Member, what: string, maxBytes: number): Buffer {
  requireSize(what, size, maxBytes);
  const fd = openTar(file, file);
  try {
    const bytes = Buffer.allocUnsafe(size);
    if (readFully(fd, bytes, offset) < size) throw invalidLayout(file, `${what} is cut off`);
    return bytes;
  } catch (error) {
    throw fsError(error, `reading ${what}`);
  } finally {
    close(fd);
  }
}

/** Fills a buffer from an offset of a file. Returns the number of bytes: fewer only at the end of the file. */
export function readFully(fd: number, buffer: Uint8Array, offset: number): number {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, offset + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}

/**
 * Opens a tar for reading. A FIFO or device in its place does not block.
 *
 * @param path name of the layout, for errors
 * @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID, SYSTEM
 */
export function openTar(file: string, path: string): number {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return closeOnError(fd, () => {
      if (fstatSync(fd).isFile()) return fd;
      throw invalidLayout(path, 'it is not a regular file');
    });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new LayerhookError('LAYOUT_NOT_FOUND', { path }, error);
    throw fsError(error, `opening ${file}`);
  }
}

function listMembers(reader: TarReader): Members {
  const members: Members = { files: new Map(), links: new Map(), repeated: new Set() };
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    const name = cleanName(entry.name);
    if (name === undefined || entry.type === 'directory') continue;
    if (members.files.has(name) || members.links.has(name)) members.repeated.add(name);
    members.files.delete(name);
    members.links.delete(name);
    const { position: offset, sparseMap } = reader;
    if (entry.type === 'file' && sparseMap === undefined)
      members.files.set(name, { offset, size: entry.size });
    else if (entry.type === 'symlink' && entry.linkname.length <= maxNameBytes)
      members.links.set(name, entry.linkname);
    else if (entry.type === 'hardlink' && entry.linkname.length <= maxNameBytes)
      members.links.set(name, `/${entry.linkname}`);
  }
  return members;
}

/** Returns a name without empty parts and `.`; undefined if it has `..` or is too long. */
export function cleanName(name: string): string | undefined {
  if (name.length > maxNameBytes) return undefined;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}

function explained(error: unknown, fd: number, path: string): unknown {
  const compression = compressionOf(fd);
  if (compression !== undefined)
    return invalidLayout(path, `it is compressed with ${compression}; decompress it first`, error);
  if (isLayerhookError(error, 'TAR_INVALID'))
    return invalidLayout(
      path,
      `its tar is malformed at byte ${error.details.offset}: ${error.details.reason}`,
      error,
    );
  if (isLayerhookError(error, 'LAYER_ENTRY'))
    return invalidLayout(path, `its tar has a member of an unknown type, ${error.details.name}`, error);
  if (isLayerhookError(error, 'LIMIT_EXCEEDED')) {
    const what = `number of files, or size of a header, in ${path}`;
    return new LayerhookError('LIMIT_EXCEEDED', { what, limit: `${maxMembers} files and 1 MiB` }, error);
  }
  return fsError(error, `reading ${path}`);
}

function compressionOf(fd: number): string | undefined {
  const start = Buffer.alloc(6);
  readFully(fd, start, 0);
  return compressions.find(([, magic]) => start.toString('hex').startsWith(magic))?.[0];
}

/** Reads a file in small pieces, and seeks over what is skipped. */
class FileSource implements ByteSource {
  readonly #fd: number;
  readonly #size: number;
  readonly #buffer = Buffer.allocUnsafe(readBytes);
  #at = 0;

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  read(): Buffer | null {
    const count = readSync(this.#fd, this.#buffer, 0, readBytes, this.#at);
    this.#at += count;
    return count === 0 ? null : this.#buffer.subarray(0, count);
  }

  skip(length: number): number {
    const skipped = Math.max(0, Math.min(length, this.#size - this.#at));
    this.#at += skipped;
    return skipped;
  }
}
