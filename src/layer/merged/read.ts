import { isLayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { inTurns, Pace, type Steps } from '../../system/steps.js';
import { layerBudget } from '../../tar/budget.js';
import { TarReader } from '../../tar/index.js';
import { checkEntry } from '../apply/check-entry.js';
import { entryError } from '../apply/errors.js';
import { ContentHash } from '../content-hash.js';
import { type HoleBudget, holeBudget, takeHoles } from '../holes.js';
import { blameBlob } from '../stream/index.js';
import type { ByteSource, CheckedEntry, LayerSource, TarEntry } from '../types.js';
import { Merger } from './merge.js';
import { layerTars, type OpenTar } from './tars.js';
import { MergedTree, type TreeWatcher } from './tree.js';

export interface ReadTreeOptions {
  signal?: AbortSignal | undefined;
  /** true: hash the content of all regular files, for `Inodes.digest` */
  digests?: boolean;
  /** bytes of holes in sparse files that may be hashed; default 64 GiB */
  maxHoles?: number | undefined;
  /** called with each entry of a layer, before the entry is merged; may throw a LayerhookError */
  onEntry?: (layer: number, entry: CheckedEntry) => void;
  /** called once with the empty tree; the returned watcher is called for each change of a layer */
  watch?: (tree: MergedTree) => TreeWatcher;
  /** limit on the names in all layers; default 10,000,000 */
  maxNames?: number | undefined;
}

/**
 * Reads the layers of an image into a tree of its files. Each blob digest and diffID is verified. Memory is bounded: the tree
 * refuses images with too many names.
 *
 * @param sources the layers, lowest first (`layerSources`)
 * @throws LayerhookError LAYER_ENTRY, TAR_INVALID, LIMIT_EXCEEDED, BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, DIFF_ID,
 *   COMPRESSION_CORRUPT, ABORTED and others of reading a layer
 */
export async function readMergedTree(
  sources: readonly LayerSource[],
  options: ReadTreeOptions = {},
): Promise<MergedTree> {
  const { signal = new AbortController().signal, maxHoles } = options;
  const tree = new MergedTree(options.maxNames);
  tree.watcher = options.watch?.(tree);
  const merger = new Merger(tree);
  const holes = holeBudget(maxHoles, 'which --limit holes=N raises');
  for await (const tar of layerTars(sources, signal)) {
    try {
      await inTurns(mergeTar(merger, tar, { ...options, holes }, tree.watcher), signal);
    } catch (error) {
      throw await blameBlob(error, tar.source, signal);
    }
  }
  return tree;
}

/**
 * Gives the entries of one layer as its tar has them. They are verified only after the last one, when the generator ends or throws.
 *
 * @throws LayerhookError as {@link readMergedTree}
 */
export async function* readEntries(source: LayerSource, signal?: AbortSignal): AsyncGenerator<CheckedEntry> {
  const pace = new Pace(signal);
  for await (const { bytes } of layerTars([source], signal)) {
    const reader = readerOf(bytes, source);
    for (let entry = reader.next(); entry !== null; entry = reader.next()) {
      const checked = checkedEntry(entry, reader, source.digest);
      if (checked !== null) yield checked;
      while (reader.readData() !== null) if (pace.isDue) await pace.turn();
    }
    reader.drain();
  }
}

function readerOf(
  bytes: ByteSource,
  { digest, budget = layerBudget() }: Pick<LayerSource, 'digest' | 'budget'>,
): TarReader {
  return new TarReader(bytes, { digest, budget });
}

function checkedEntry(entry: TarEntry, reader: TarReader, digest: string): CheckedEntry | null {
  try {
    return checkEntry(entry, reader);
  } catch (error) {
    throw entryError(error, digest, entry.name);
  }
}

function* mergeTar(
  merger: Merger,
  { source, index, bytes }: OpenTar,
  { digests, holes, onEntry }: ReadTreeOptions & { holes: HoleBudget },
  watcher: TreeWatcher | undefined,
): Steps<void> {
  const { digest, budget = layerBudget() } = source;
  const reader = readerOf(bytes, { digest, budget });
  merger.begin(index, digest, budget);
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    const checked = checkedEntry(entry, reader, digest);
    if (checked === null) continue;
    try {
      onEntry?.(index, checked);
      const isHashed = digests === true && checked.type === 'file';
      if (isHashed) takeHoles(holes, reader.holes, showBytes(entry.name));
      merger.add(checked, yield* readContent(reader, isHashed ? entry.size : null));
    } catch (error) {
      throw isLayerhookError(error) ? error : entryError(error, digest, entry.name);
    }
  }
  reader.drain();
  merger.end();
  if (watcher !== undefined) yield* watcher.onLayer(index, reader.position);
}

const emptyDigest = new ContentHash().finish(0);

/** Reads the content of the current entry. @param size bytes of the file to hash; null: no digest is wanted */
function* readContent(reader: TarReader, size: number | null): Steps<ByteString | null> {
  if (size === 0) return emptyDigest;
  const hash = size === null ? null : new ContentHash();
  for (let piece = reader.readData(); piece !== null; piece = reader.readData()) {
    hash?.add(piece, reader.dataOffset);
    yield;
  }
  yield;
  return hash === null ? null : hash.finish(size!);
}
