import { type ByteString, showBytes } from '../../system/bytes.js';
import { Pace } from '../../system/steps.js';
import { type TarWriter, tarOf } from '../../tar/writer.js';
import { earlierTime } from '../generate/entry.js';
import { whiteoutEntry } from '../generate/pack.js';
import { type HoleBudget, holeBudget, takeHoles } from '../holes.js';
import type { LayerSource, TarEntry } from '../types.js';
import { type FileData, readData } from './data.js';
import { type KeptLayers, type MergedPlan, planMerged } from './plan.js';
import type { MergedTree } from './tree.js';

export interface MergedTarOptions {
  /** the layers that the tree was read from, lowest first */
  sources: readonly LayerSource[];
  tree: MergedTree;
  /** the lowest layers, on which the tar will be a layer; default: none, so that the tar has the whole tree */
  kept?: KeptLayers | undefined;
  /** true: the order is for programs that set the attributes of a directory early; see {@link generateMerged} */
  isArchive?: boolean | undefined;
  /** seconds since the epoch; replaces all later times */
  sourceDateEpoch?: number | undefined;
  /** how many bytes of holes may be written as zeros; default: the limit of one operation */
  holes?: HoleBudget | undefined;
  signal?: AbortSignal | undefined;
}

const zeros = Buffer.alloc(256 * 1024);

/**
 * Generates the tar of a merged tree, without files on disk. First come whiteouts, sorted; next directories, and files without
 * content, both sorted by their paths; last files with content, in the order of the layers and of their tars. That order lets
 * each layer be decompressed once, from start to end. The later names of a file follow its first one as hardlinks. The same
 * layers give the same bytes, however they are compressed.
 *
 * As an archive, the tar lists each directory after all that is in it: programs such as GNU tar set the times and the mode of
 * a directory before files come that are not in it.
 *
 * Fails in the middle of the tar with LayerhookError BLOB_DIGEST, DIFF_ID, LIMIT_EXCEEDED (holes), ABORTED, and others of
 * reading layers.
 */
export async function* generateMerged(options: MergedTarOptions): AsyncGenerator<Buffer> {
  yield* tarOf((writer) => new MergedTar(writer, options).write());
}

class MergedTar {
  readonly #writer: TarWriter;
  readonly #options: MergedTarOptions;
  readonly #holes: HoleBudget;
  readonly #pace: Pace;

  constructor(writer: TarWriter, options: MergedTarOptions) {
    this.#writer = writer;
    this.#options = options;
    this.#holes = options.holes ?? holeBudget();
    this.#pace = new Pace(options.signal);
  }

  async write(): Promise<void> {
    const { tree, kept, isArchive = false } = this.#options;
    const plan = planMerged(tree, kept ?? null);
    for (const name of plan.whiteouts) await this.#put(whiteoutEntry(name));
    if (!isArchive) await this.#writeDirectories(plan.directories);
    await this.#writeFiles(plan.files);
    if (isArchive) await this.#writeDirectories(plan.directories.toReversed());
  }

  async #writeDirectories(directories: MergedPlan['directories']): Promise<void> {
    for (const { path, inode } of directories) await this.#put(this.#entry(path, inode));
  }

  async #writeFiles(files: MergedPlan['files']): Promise<void> {
    const { sources, tree, signal } = this.#options;
    const later = new Map<number, readonly ByteString[]>();
    for (const { inode, names } of files) {
      if (tree.inodes.size(inode) > 0) later.set(inode, names);
      else await this.#writeFile(inode, names);
    }
    for await (const data of readData(sources, tree.inodes, later.keys(), signal))
      await this.#writeFile(data.inode, later.get(data.inode)!, data);
  }

  async #writeFile(inode: number, [first, ...others]: readonly ByteString[], data?: FileData): Promise<void> {
    const entry = this.#entry(first!, inode);
    if (data === undefined) await this.#put(entry);
    else {
      const { size, stored } = this.#options.tree.inodes.data(inode);
      takeHoles(this.#holes, size - stored, showBytes(first!));
      await this.#writer.write(entry, this.#content(data, size));
    }
    const link = { type: 'hardlink', linkname: first!, size: 0, xattrs: new Map() } as const;
    for (const name of others) await this.#put({ ...entry, ...link, name });
  }

  /** Yields the content of a file, with zeros for the holes. */
  async *#content({ pieces }: FileData, size: number): AsyncGenerator<Buffer> {
    let at = 0;
    for (const { offset, bytes } of pieces) {
      yield* this.#zeros(offset - at);
      // a copy: the piece is valid until the next one only, and the writer keeps several
      yield Buffer.from(bytes);
      at = offset + bytes.length;
      if (this.#pace.isDue) await this.#pace.turn();
    }
    yield* this.#zeros(size - at);
  }

  async *#zeros(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; left -= zeros.length) {
      yield zeros.subarray(0, left);
      if (this.#pace.isDue) await this.#pace.turn();
    }
  }

  async #put(entry: TarEntry): Promise<void> {
    if (this.#pace.isDue) await this.#pace.turn();
    await this.#writer.write(entry);
  }

  #entry(name: ByteString, inode: number): TarEntry {
    const { tree, sourceDateEpoch } = this.#options;
    const { inodes } = tree;
    const type = inodes.type(inode);
    const { mtime, ...metadata } = inodes.metadata(inode);
    const isDevice = type === 'char' || type === 'block';
    const { major: devMajor, minor: devMinor } = isDevice ? inodes.device(inode) : noDevice;
    return {
      ...{ name, type, ...metadata, uname: '', gname: '', devMajor, devMinor },
      mtime: earlierTime(mtime, sourceDateEpoch),
      size: inodes.size(inode),
      linkname: type === 'symlink' ? inodes.target(inode) : '',
    };
  }
}

const noDevice = { major: 0, minor: 0 };
