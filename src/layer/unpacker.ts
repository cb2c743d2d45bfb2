import type { Header } from 'mtree-ts';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import type {
  ApplyReply,
  LayerRequest,
  ManifestRequest,
  Requested,
  StreamRequest,
} from './apply/messages.js';
import { Backlog } from './backlog.js';
import { type HoleBudget, holeBudget } from './holes.js';
import { type Lane, Lanes } from './lanes.js';
import { ReadAhead } from './read-ahead.js';
import {
  blameBlob,
  canReadDirectly,
  isSmall,
  type OpenSource,
  openDirectly,
  type SourceSummary,
} from './stream/index.js';
import type { AppliedLayer, ApplyOptions, LayerSource, Usage } from './types.js';

export interface UnpackerOptions {
  /** aborts all operations, which fail with the signal's reason or with ABORTED */
  signal: AbortSignal;
  onWarning?: (message: string) => void;
  /** called after each layer that was read as a stream */
  onRead?: (layer: SourceSummary) => void;
  /** bytes of holes in sparse files that may be hashed for mtrees, in all layers; default 64 GiB */
  maxHoles?: number | undefined;
}

export interface LayerOptions extends ApplyOptions {
  /** `directory`: the layer has a directory of its own. Such layers run in parallel, at most one per core */
  into?: 'rootfs' | 'directory';
  /**
   * Layers with the same key are applied to one directory, on top of each other, by one thread that remembers what it put
   * there. null: nothing is remembered.
   */
  track: string | null;
  /** remember digests of content, for {@link LayerUnpacker.writeMtree} */
  mtree: boolean;
  onProgress?: (progress: LayerProgress) => void;
}

/** Where the tar of a layer goes that is not applied. */
export interface TarSink {
  /** the file or program, for errors */
  what: string;
  /** true: a regular file, whose writes need no reader */
  isFile: boolean;
  /** Called once, when a thread is free for the layer. @returns a descriptor for writing; O_NONBLOCK for a pipe */
  open(): number | Promise<number>;
  /** open file for the list of entries; null: no list is wanted */
  list: number | null;
  /** one Int32: not 0 ends a wait for the reader of a pipe; after an abort the caller must set it */
  stop: SharedArrayBuffer;
  onProgress?: (progress: LayerProgress) => void;
}

type Given = Pick<LayerRequest, 'from' | 'digest' | 'entries' | 'budget'>;

/** What is done with a layer. */
interface Work extends Pick<LayerOptions, 'track'> {
  onProgress: LayerOptions['onProgress'] | undefined;
  /** false: it may block, so that it needs a thread of its own */
  mayReadWhole: boolean;
  request(given: Given): Promise<Requested<LayerRequest | StreamRequest>>;
}

/** A layer that is being read. */
interface Reading {
  from: LayerRequest['from'];
  progress: OpenSource['progress'];
  /** ends the reading, if it has not ended */
  stop(): void;
}

export interface LayerProgress {
  /** bytes read of the blob so far; `bytes` counts those of its tar, `entries` the applied entries */
  blobBytes: number;
  bytes: number;
  entries: number;
}

/** Milliseconds between two reports of progress. */
const progressInterval = 100;

/** Milliseconds after an abort until a thread that has not stopped is terminated. */
const graceTime = 200;

/**
 * Applies layers to directories in worker threads. One thread reads, verifies (blob digest and diffID) and decompresses a
 * layer, another applies it with blocking calls. Some layers are read by the thread that applies them: one with a directory of
 * its own, if the layer is small or other layers keep the other cores busy, and a very small one on top of others. A very small
 * one with a directory of its own is applied inline, unless threads are running already.
 */
export class LayerUnpacker {
  readonly #options: UnpackerOptions;
  readonly #lanes: Lanes;
  readonly #holes: HoleBudget;
  readonly #backlog = new Backlog();
  readonly #laneOfTrack = new Map<string, Lane>();
  readonly #ahead: ReadAhead;

  constructor(options: UnpackerOptions) {
    this.#options = options;
    this.#holes = holeBudget(options.maxHoles);
    this.#lanes = new Lanes(options.onWarning ?? (() => {}));
    this.#ahead = new ReadAhead(this.#lanes, options.signal);
    options.signal.addEventListener('abort', this.#stop, { once: true });
  }

  /**
   * Starts threads in advance, so that they are ready for the first layer.
   *
   * @param into `directory`: each of the layers has a directory of its own; `rootfs`: all go to one directory
   */
  start(layers: readonly Pick<LayerSource, 'size' | 'mediaType'>[], into: 'rootfs' | 'directory'): void {
    const areFewBytes = this.#lanes.areFewBytes(layers);
    const isApart = into === 'directory';
    if (isApart) this.#backlog.expect(layers);
    if (isApart && areFewBytes) return;
    const lane = this.#lanes.idlest();
    const [first] = layers;
    if (!(isApart ? first && this.#needsOneThread(first) : areFewBytes)) void lane.sources;
  }

  /**
   * Starts to decompress layers that will be applied next, in this order and with one track. If `apply` skips some of
   * them, those are aborted; if `apply` gets any other layer, all are. A few bytes are left to the thread that applies them.
   */
  prefetch(sources: LayerSource[]): void {
    this.#ahead.expect(this.#lanes.areFewBytes(sources) ? [] : sources);
  }

  /**
   * Applies a layer. It resolves when the layer is on disk and verified, and rejects only after all writing has stopped.
   *
   * @param source the layer; its digest and diffID are verified
   * @param target existing, private directory to apply it to
   * @throws LayerhookError BLOB_DIGEST, BLOB_NOT_FOUND, BLOB_SIZE, COMPRESSION_CORRUPT, COMPRESSION_UNAVAILABLE, DIFF_ID,
   *   ID_UNMAPPED, LAYER_ENTRY, LIMIT_EXCEEDED, NO_SPACE, SYSTEM, TAR_INVALID, ABORTED
   */
  async apply(source: LayerSource, target: string, options: LayerOptions): Promise<AppliedLayer> {
    const { track, onProgress } = options;
    const work: Work = {
      ...{ track, onProgress, mayReadWhole: true },
      request: async (given) => applyRequest(given, { target, options, holes: this.#holes }),
    };
    return options.into === 'directory' ? this.#apart(source, work) : this.#onTop(source, work);
  }

  /**
   * Writes the tar of a layer, unchanged, to a file or pipe instead of applying the layer. Like layers with directories of
   * their own, such layers run in parallel. It resolves when all is written and verified, and rejects only after all writing
   * has stopped.
   *
   * @throws what {@link apply} throws; ReaderEnded (by its name) if the reader of a pipe did not take all
   */
  async stream(source: LayerSource, sink: TarSink): Promise<AppliedLayer> {
    const { what, list, stop, onProgress } = sink;
    let fd: number | undefined;
    const work: Work = {
      ...{ track: null, onProgress, mayReadWhole: sink.isFile },
      request: async (given) => {
        fd ??= await sink.open();
        return { ...given, type: 'stream', fd, what, list, stop };
      },
    };
    return this.#apart(source, work);
  }

  async #apart(source: LayerSource, work: Work): Promise<AppliedLayer> {
    throwIfAborted(this.#options.signal);
    this.#backlog.begin(source.size);
    try {
      return await this.#alone(source, work);
    } finally {
      this.#backlog.end(source.size);
    }
  }

  async #alone(source: LayerSource, work: Work): Promise<AppliedLayer> {
    const inline = work.mayReadWhole && (await this.#lanes.inline(source.size));
    const applied = inline && (await this.#applyWhole(source, work, inline));
    if (applied) return applied;
    const lane = await this.#lanes.take(source.size);
    try {
      throwIfAborted(this.#options.signal);
      const applied = await this.#applyInOneThread(source, work, lane);
      return applied ?? (await this.#apply(source, work, lane));
    } finally {
      this.#lanes.release(lane);
    }
  }

  /** True if the thread that applies a layer with a directory of its own can also read it, and this is faster. */
  #needsOneThread(layer: Pick<LayerSource, 'size' | 'mediaType'>): boolean {
    return isSmall(layer) || (canReadDirectly(layer) && this.#backlog.keepsCoresBusy(layer.size));
  }

  /** Reads and applies a layer in one thread. @returns null if that is not possible, or slower; nothing was done */
  async #applyInOneThread(source: LayerSource, work: Work, lane: Lane): Promise<AppliedLayer | null> {
    if (!work.mayReadWhole || !this.#needsOneThread(source)) return null;
    return isSmall(source) ? this.#applyWhole(source, work, lane) : this.#applyDirectly(source, work, lane);
  }

  async #applyDirectly(source: LayerSource, work: Work, lane: Lane): Promise<AppliedLayer | null> {
    const reply = await this.#request(source, work, lane, openDirectly(source, this.#options.signal));
    return reply && this.#applied(source, reply);
  }

  /** Applies a layer in the thread that knows the layers below. */
  async #onTop(source: LayerSource, work: Work): Promise<AppliedLayer> {
    throwIfAborted(this.#options.signal);
    const lane = this.#laneFor(work.track);
    const mayBeWhole = this.#ahead.isEmpty && this.#lanes.areFewBytes([source]);
    return (mayBeWhole && (await this.#applyWhole(source, work, lane))) || this.#apply(source, work, lane);
  }

  /**
   * Reads and applies a small layer in one thread: waking a second thread would cost more than the layer.
   *
   * @returns null if the layer cannot be read as a whole; nothing was done
   */
  async #applyWhole(source: LayerSource, work: Work, lane: Lane): Promise<AppliedLayer | null> {
    this.#track(work.track, lane);
    const entries = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const reply = await lane.applier.request(
      await work.request({ from: source, digest: source.digest, entries, budget: source.budget }),
    );
    throwIfAborted(this.#options.signal);
    return reply && this.#applied(source, reply);
  }

  async #apply(source: LayerSource, work: Work, lane: Lane): Promise<AppliedLayer> {
    const { ring, done, progress, abort, reuse } = this.#ahead.take(source, lane);
    const reply = await this.#request(source, work, lane, { from: ring, progress, stop: () => abort() });
    const read = await done;
    reuse();
    return this.#applied(source, { ...reply!, read });
  }

  #applied({ digest, diffID }: LayerSource, { read, ...applied }: ApplyReply): AppliedLayer {
    if (read !== undefined) this.#options.onRead?.(read);
    return { digest, diffID, ...applied };
  }

  async #request(
    source: LayerSource,
    work: Work,
    lane: Lane,
    { from, progress, stop }: Reading,
  ): Promise<ApplyReply | null> {
    this.#track(work.track, lane);
    const entries = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const stopReporting = report(progress, entries, work.onProgress);
    const { digest, budget } = source;
    try {
      return await lane.applier.request(await work.request({ from, digest, entries, budget }));
    } catch (error) {
      throw await blameBlob(error, source, this.#options.signal);
    } finally {
      stop();
      stopReporting();
    }
  }

  /**
   * Writes umoci's mtree of a directory from the applied layers, without reading any content.
   *
   * @param track of the layers; they must have created everything in the directory
   * @param file path of the mtree; it appears complete or not at all
   */
  async writeMtree(track: string, target: string, file: string, header: Header): Promise<void> {
    await this.#writeMtree({ track, target, file, header, since: 'kept', ends: false });
  }

  /**
   * Writes the mtree of a directory after its last layer, and forgets the track. The file is not flushed to disk.
   *
   * @param untouched true: nothing has changed the directory since; false: it is checked for changes, which are read
   * @returns disk usage of the directory
   */
  async writeFinalMtree(
    track: string,
    target: string,
    file: string,
    { header, untouched }: { header: Header; untouched: boolean },
  ): Promise<Usage> {
    const since = untouched ? 'kept' : 'changed';
    const usage = await this.#writeMtree({ track, target, file, header, since, ends: true });
    this.#laneOfTrack.delete(track);
    return usage;
  }

  #writeMtree(request: ManifestRequest): Promise<Usage> {
    return this.#laneFor(request.track).applier.request({ type: 'manifest', ...request });
  }

  /** Ends the threads after their current work has stopped. */
  async close(): Promise<void> {
    this.#ahead.giveUp();
    this.#options.signal.removeEventListener('abort', this.#stop);
    await this.#lanes.close();
  }

  #laneFor(track: string | null): Lane {
    const lane = (track !== null && this.#laneOfTrack.get(track)) || this.#lanes.idlest();
    this.#track(track, lane);
    return lane;
  }

  #track(track: string | null, lane: Lane): void {
    if (track !== null) this.#laneOfTrack.set(track, lane);
  }

  /** The signal has already failed the rings. A thread that is not reading does not notice, so it is terminated. */
  readonly #stop = (): void => {
    for (const { applier } of this.#lanes.all) applier.endWithin(graceTime);
  };
}

function applyRequest(
  given: Given,
  { target, options, holes }: Pick<LayerRequest, 'target' | 'holes'> & { options: LayerOptions },
): Requested<LayerRequest> {
  const { track, mtree, onProgress: _, into: __, ...rest } = options;
  return { ...given, type: 'apply', target, options: rest, track, digests: mtree, holes };
}

/** @throws the signal's reason if it is a LayerhookError, otherwise LayerhookError ABORTED */
function throwIfAborted({ aborted, reason }: AbortSignal): void {
  if (!aborted) return;
  throw isLayerhookError(reason) ? reason : new LayerhookError('ABORTED', { what: 'unpacking' }, reason);
}

function report(
  progress: OpenSource['progress'],
  entries: SharedArrayBuffer,
  onProgress: LayerOptions['onProgress'],
): () => void {
  if (!onProgress) return () => {};
  const count = new Int32Array(entries);
  const timer = setInterval(
    () => onProgress({ ...progress(), entries: Atomics.load(count, 0) }),
    progressInterval,
  );
  return () => clearInterval(timer);
}
