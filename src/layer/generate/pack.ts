import { createHash, type Hash } from 'node:crypto';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { close } from '../../system/files.js';
import { silentLogger } from '../../system/logger.js';
import { inodeNumber, StatBuffer, statFd } from '../../system/stat.js';
import { inTurns, Pace, type Steps, throwIfAborted } from '../../system/steps.js';
import type { OnProgress, WorkProgress } from '../../system/work-progress.js';
import type { TarWriter } from '../../tar/writer.js';
import { type HoleBudget, holeBudget, holesOf, takeHoles } from '../holes.js';
import { isWhiteoutDevice } from '../overlay-marks.js';
import type { TarEntry } from '../types.js';
import { readContent } from './content.js';
import { type EntryOptions, readEntry } from './entry.js';
import { hasOtherNames, mayBeLinks } from './hardlinks.js';
import type { LayerPlan } from './plan.js';
import type { RootfsReader } from './rootfs.js';

export interface PackOptions extends EntryOptions {
  /** called after each entry is in the tar, and for the sockets that are left out; not for whiteouts */
  onPacked?: ((packed: PackedFile) => void) | undefined;
  /** how many bytes of holes may be written as zeros; default: the limit of one operation */
  holes?: HoleBudget | undefined;
  signal?: AbortSignal | undefined;
  /** called for each file and each chunk of content; `done` and `total` count content and headers */
  onProgress?: OnProgress | undefined;
}

/** The state of a file when it was put into a layer. */
export interface PackedFile {
  path: ByteString;
  /** valid during the call only */
  stat: StatBuffer;
  /** target of a symlink */
  link?: ByteString;
  /** xattrs on disk */
  xattrs: ReadonlyMap<ByteString, Buffer>;
  /** digest of a regular file's content, in hexadecimal */
  sha256?: string;
}

/**
 * Writes the entries of a plan: whiteouts first, next the files in their current state.
 *
 * @param nameOf maps a path to its name in the layer
 */
export async function writePlan(
  reader: RootfsReader,
  writer: TarWriter,
  plan: LayerPlan,
  options: PackOptions,
  nameOf: (path: ByteString) => ByteString = (path) => path,
): Promise<void> {
  for (const path of plan.sockets) leaveOut(reader, path, options);
  for (const name of plan.whiteouts) await writer.write(whiteoutEntry(name));
  const total = options.onProgress ? await inTurns(sizeOf(reader, plan.entries), options.signal) : 0;
  const packer = new Packer(reader, writer, options, nameOf, { total, files: plan.files ?? new Map() });
  for (const path of plan.entries) {
    throwIfAborted(options.signal);
    await packer.pack(path);
  }
}

/** Bytes that a header counts in the progress. */
const headerBytes = 1024;

/** Returns about how many bytes a tar of files has. A file that is gone counts nothing: the packer will report it. */
function* sizeOf(reader: RootfsReader, paths: readonly ByteString[]): Steps<number> {
  const stat = new StatBuffer();
  let bytes = 0;
  for (const path of paths) {
    bytes += headerBytes + (reader.stat(path, stat) && stat.isFile ? stat.size : 0);
    yield;
  }
  return bytes;
}

function leaveOut(
  reader: RootfsReader,
  path: ByteString,
  { log = silentLogger, onPacked }: PackOptions,
): void {
  log.warn('left out a socket, which a layer cannot hold', { path: showBytes(path) });
  const stat = new StatBuffer();
  if (reader.stat(path, stat)) onPacked?.({ path, stat, xattrs: new Map() });
}

const ownerReads = 0o400;

/** The first name of a hardlinked file. */
interface FirstName {
  path: ByteString;
  /** in the rootfs */
  inode: string;
  sha256: string | undefined;
}

/** Packs one file after the other, and remembers the names of hardlinked files. */
class Packer {
  readonly #reader: RootfsReader;
  readonly #writer: TarWriter;
  readonly #options: PackOptions;
  readonly #nameOf: (path: ByteString) => ByteString;
  readonly #stat = new StatBuffer();
  readonly #holes: HoleBudget;
  readonly #pace: Pace;
  readonly #files: ReadonlyMap<ByteString, string>;
  readonly #firstNames = new Map<string, FirstName>();
  readonly #progress: WorkProgress;

  constructor(
    reader: RootfsReader,
    writer: TarWriter,
    options: PackOptions,
    nameOf: (path: ByteString) => ByteString,
    { files, total }: { files: ReadonlyMap<ByteString, string>; total: number },
  ) {
    this.#reader = reader;
    this.#writer = writer;
    this.#options = options;
    this.#nameOf = nameOf;
    this.#files = files;
    this.#holes = options.holes ?? holeBudget();
    this.#pace = new Pace(options.signal);
    this.#progress = { done: 0, total, bytes: 0, entries: 0 };
  }

  async pack(path: ByteString): Promise<void> {
    if (this.#pace.isDue) await this.#pace.turn();
    const stat = this.#stat;
    if (!this.#reader.stat(path, stat)) throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
    if (stat.isFile) {
      const fd = this.#reader.openFile(path, stat);
      try {
        await this.#packFile(path, fd);
      } finally {
        close(fd);
      }
    } else await this.#packFile(path, null);
    this.#progress.entries += 1;
    this.#note(headerBytes);
  }

  #note(done: number): void {
    this.#progress.done += done;
    this.#options.onProgress?.(this.#progress);
  }

  async #packFile(path: ByteString, fd: number | null): Promise<void> {
    const { onPacked } = this.#options;
    const stat = this.#stat;
    // overlayfs gives all of its whiteouts one inode, but each is a file by itself
    const inode = hasOtherNames(stat) && !isWhiteoutDevice(stat) ? inodeNumber(stat) : undefined;
    const file = inode && (this.#files.get(path) ?? inode);
    const first = file === undefined ? undefined : this.#firstName(file, path, inode!);
    const xattrs = this.#reader.xattrs(path);
    // reading the xattrs of an unreadable file changed its ctime
    if (fd !== null && (stat.mode & ownerReads) === 0) statFd(fd, stat, path);
    const read = readEntry(this.#reader, path, stat, xattrs, this.#options);
    const entry = { ...read, name: this.#nameOf(path) };
    let sha256 = first?.sha256;
    if (first !== undefined) {
      await this.#writer.write({
        ...entry,
        type: 'hardlink',
        linkname: this.#nameOf(first.path),
        size: 0,
        xattrs: new Map(),
      });
      this.#note(stat.isFile ? stat.size : 0);
    } else if (fd === null) {
      await this.#writer.write(entry);
    } else {
      takeHoles(this.#holes, holesOf(fd, stat, this.#holes.limit), showBytes(path));
      const hash = onPacked ? createHash('sha256') : undefined;
      await this.#writer.write(entry, this.#hashed(readContent(fd, path, stat), hash));
      sha256 = hash?.digest('hex');
    }
    if (file !== undefined && first === undefined)
      this.#firstNames.set(file, { path, inode: inode!, sha256 });
    const link = entry.type === 'symlink' && { link: entry.linkname };
    onPacked?.({ path, stat, xattrs, ...link, ...(sha256 !== undefined && { sha256 }) });
  }

  /** Returns the name under which a file is in the tar. A delta's word for a hard link counts only if stat agrees. */
  #firstName(file: string, path: ByteString, inode: string): FirstName | undefined {
    const first = this.#firstNames.get(file);
    if (first === undefined || first.inode === inode) return first;
    const [a, b] = [new StatBuffer(), new StatBuffer()];
    const isThere = this.#reader.stat(first.path, a) && this.#reader.stat(path, b);
    return isThere && mayBeLinks(a, b) ? first : undefined;
  }

  /** Yields and hashes the chunks. It gives up its turn of the event loop regularly, because the consumer may never do so. */
  async *#hashed(chunks: Iterable<Buffer>, hash: Hash | undefined): AsyncGenerator<Buffer> {
    for (const chunk of chunks) {
      hash?.update(chunk);
      yield chunk;
      this.#progress.bytes += chunk.length;
      this.#note(chunk.length);
      if (this.#pace.isDue) await this.#pace.turn();
    }
  }
}

/** Creates the entry of a whiteout or opaque marker as umoci and docker do: an empty file with mode 0, owner 0:0 and time 0. */
export function whiteoutEntry(name: ByteString): TarEntry {
  return {
    ...{ name, type: 'file', size: 0, mode: 0, uid: 0, gid: 0, uname: '', gname: '', linkname: '' },
    ...{ mtime: { sec: 0, nsec: 0 }, devMajor: 0, devMinor: 0, xattrs: new Map() },
  };
}
