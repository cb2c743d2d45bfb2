import { createHash } from 'node:crypto';
import { silentLogger } from '../../engine/log.js';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { close } from '../../system/files.js';
import { StatBuffer } from '../../system/stat.js';
import type { Change, TarEntry } from '../types.js';
import { readContent } from './content.js';
import { type EntryOptions, readEntry } from './entry.js';
import { hasOtherNames, inodeOf, withAllNames } from './hardlinks.js';
import { planLayer } from './plan.js';
import { RootfsReader } from './rootfs.js';
import { type TarWriter, tarWriter } from './tar-writer.js';

export interface GenerateOptions extends EntryOptions {
  /** path of the root filesystem */
  rootfs: string;
  changes: readonly Change[];
  /** whether another name of a changed hardlinked file may be added to the layer; default: all are */
  mayAdd?: ((path: ByteString) => boolean) | undefined;
  /** called for each entry when it is in the tar, and for sockets, which are left out; not for whiteouts */
  onPacked?: ((packed: PackedFile) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** A file as it was when it was put into a layer. */
export interface PackedFile {
  path: ByteString;
  /** valid during the call only */
  stat: StatBuffer;
  /** target of a symlink */
  link?: ByteString;
  /** extended attributes as on disk */
  xattrs: ReadonlyMap<ByteString, Buffer>;
  /** of a regular file's content, in hexadecimal */
  sha256?: string;
}

/**
 * The tar of a diff layer: what must be applied to get from the state before `changes` to that of the rootfs;
 * image-spec layer.md. Whiteouts come first, then the entries, each sorted bytewise; the same input gives the same bytes.
 *
 * Directories above changed paths are in it, and all names of a hardlinked file if one has changed: those after
 * the first are links to it. What is read never lies outside the rootfs. Sockets are left out with a warning.
 *
 * It fails, in the middle of the tar, with LayerhookError FILE_CHANGED if the rootfs is changed while it is read;
 * LAYER_PATH for what a layer cannot hold; ID_UNMAPPED; ABORTED; SYSTEM.
 */
export async function* generateLayer(options: GenerateOptions): AsyncGenerator<Buffer> {
  const reader = new RootfsReader(options.rootfs);
  const writer = tarWriter();
  const writing = writeLayerEntries(reader, writer, options).then(
    () => writer.end(),
    (error: Error) => {
      writer.stream.destroy(error);
      throw error;
    },
  );
  // whoever reads the stream learns of it there
  writing.catch(() => {});
  try {
    for await (const chunk of writer.stream) yield chunk as Buffer;
    await writing;
  } finally {
    writer.stream.destroy();
    await writing.catch(() => {});
    reader.close();
  }
}

async function writeLayerEntries(reader: RootfsReader, writer: TarWriter, options: GenerateOptions) {
  const { rootfs, changes, mayAdd = () => true, signal } = options;
  const all = withAllNames(rootfs, reader, changes, mayAdd);
  const plan = planLayer(all, (path) => reader.lookup(path));
  for (const path of plan.sockets) leaveOut(reader, path, options);
  for (const name of plan.whiteouts) await writer.write(whiteout(name));
  const packer = new Packer(reader, writer, options);
  for (const path of plan.entries) {
    if (signal?.aborted) throw new LayerhookError('ABORTED', { what: 'writing the layer' }, signal.reason);
    await packer.pack(path);
  }
}

function leaveOut(
  reader: RootfsReader,
  path: ByteString,
  { log = silentLogger, onPacked }: GenerateOptions,
): void {
  log.warn('left out a socket, which no layer can hold', { path: showBytes(path) });
  const stat = new StatBuffer();
  if (reader.stat(path, stat)) onPacked?.({ path, stat, xattrs: new Map() });
}

/** Packs one file after the other, and remembers the names of hardlinked ones. */
class Packer {
  readonly #reader: RootfsReader;
  readonly #writer: TarWriter;
  readonly #options: GenerateOptions;
  readonly #stat = new StatBuffer();
  readonly #firstNames = new Map<string, { path: ByteString; sha256: string | undefined }>();

  constructor(reader: RootfsReader, writer: TarWriter, options: GenerateOptions) {
    this.#reader = reader;
    this.#writer = writer;
    this.#options = options;
  }

  async pack(path: ByteString): Promise<void> {
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
  }

  async #packFile(path: ByteString, fd: number | null): Promise<void> {
    const { onPacked } = this.#options;
    const stat = this.#stat;
    const inode = hasOtherNames(stat) ? inodeOf(stat) : undefined;
    const first = inode === undefined ? undefined : this.#firstNames.get(inode);
    const xattrs = this.#reader.xattrs(path);
    const entry = readEntry(this.#reader, path, stat, xattrs, this.#options);
    let sha256 = first?.sha256;
    if (first !== undefined) {
      await this.#writer.write({
        ...entry,
        type: 'hardlink',
        linkname: first.path,
        size: 0,
        xattrs: new Map(),
      });
    } else if (fd === null) {
      await this.#writer.write(entry);
    } else {
      const hash = onPacked ? createHash('sha256') : undefined;
      await this.#writer.write(entry, hashed(readContent(fd, path, stat), hash));
      sha256 = hash?.digest('hex');
    }
    if (inode !== undefined && first === undefined) this.#firstNames.set(inode, { path, sha256 });
    const link = entry.type === 'symlink' && { link: entry.linkname };
    onPacked?.({ path, stat, xattrs, ...link, ...(sha256 !== undefined && { sha256 }) });
  }
}

function* hashed(
  chunks: Iterable<Buffer>,
  hash: ReturnType<typeof createHash> | undefined,
): Generator<Buffer> {
  for (const chunk of chunks) {
    hash?.update(chunk);
    yield chunk;
  }
}

/** As umoci and docker write them: empty, root's, without rights, of 1970. */
function whiteout(name: ByteString): TarEntry {
  return {
    ...{ name, type: 'file', size: 0, mode: 0, uid: 0, gid: 0, uname: '', gname: '', linkname: '' },
    ...{ mtime: { sec: 0, nsec: 0 }, devMajor: 0, devMinor: 0, xattrs: new Map() },
  };
}
