import { availableParallelism } from 'node:os';
import type { Header } from 'mtree-ts';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { ApplyThread } from './apply/apply-thread.js';
import { blameBlob, type OpenSource, SourceThread } from './stream/index.js';
import type { AppliedLayer, ApplyOptions, LayerSource } from './types.js';

export interface UnpackerOptions {
  /** stops all that is under way, which then fails with its reason or ABORTED */
  signal: AbortSignal;
  onWarning?: (message: string) => void;
}

export interface LayerOptions extends ApplyOptions {
  /**
   * Layers with the same key are applied to one directory on top of each other, by one thread that remembers what it
   * put there; null: the directory is for this layer alone, and layers run side by side on all cores.
   */
  track: string | null;
  /** remember digests of content, for {@link LayerUnpacker.writeManifest} */
  manifest: boolean;
  onProgress?: (progress: LayerProgress) => void;
}

export interface LayerProgress {
  /** bytes of the blob read, of its tar, and entries applied, so far */
  blobBytes: number;
  bytes: number;
  entries: number;
}

/** Milliseconds between two reports of progress. */
const PROGRESS_INTERVAL = 100;

/** Milliseconds that a thread has to stop by itself when the signal says so. */
const GRACE = 2000;

/** Sources that are opened before they are asked for; each may fill a ring of 3 MiB. */
const SOURCES_AHEAD = 3;

/** A thread that decompresses and one that applies: what a layer needs. */
class Lane {
  readonly sources = new SourceThread();
  readonly applier: ApplyThread;

  constructor(onWarning: (message: string) => void) {
    this.applier = new ApplyThread(onWarning);
  }
}

/**
 * Applies layers to directories in worker threads. A layer's bytes are read, verified (blob digest and diffID) and
 * decompressed in one thread and applied in another, with blocking calls.
 */
export class LayerUnpacker {
  readonly #options: UnpackerOptions;
  readonly #lanes: Lane[] = [];
  readonly #laneOfTrack = new Map<string, Lane>();
  readonly #opened = new Map<LayerSource, OpenSource>();
  #ahead: LayerSource[] = [];

  constructor(options: UnpackerOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', this.#stop, { once: true });
  }

  /** Starts the threads that every unpack needs, to have them when the first layer is there. */
  start(): void {
    this.#idleLane();
  }

  /**
   * Starts to decompress layers that will be applied next, all with one track, in this order. Those that are left out
   * then, and all if another is asked for, are given up.
   */
  prefetch(sources: LayerSource[]): void {
    this.#giveUp();
    this.#ahead = [...sources];
    this.#openAhead();
  }

  /**
   * Applies a layer, and settles when it is on disk and verified, or nothing is written any more.
   *
   * @param source the layer; its bytes and its diffID are verified
   * @param target directory to apply it to; exists, and is private
   * @throws LayerhookError BLOB_DIGEST, BLOB_NOT_FOUND, BLOB_SIZE, COMPRESSION_CORRUPT, COMPRESSION_UNAVAILABLE, DIFF_ID,
   *   ID_UNMAPPED, LAYER_ENTRY, LIMIT_EXCEEDED, NO_SPACE, SYSTEM, TAR_INVALID, ABORTED
   */
  async apply(source: LayerSource, target: string, options: LayerOptions): Promise<AppliedLayer> {
    throwIfAborted(this.#options.signal);
    const { track, manifest, onProgress, ...applyOptions } = options;
    const lane = this.#laneFor(track);
    const open = this.#take(source, lane);
    const entries = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const stopReporting = report(open, entries, onProgress);
    try {
      const { ring } = open;
      const { digest } = source;
      const reply = await lane.applier.request({
        ...{ type: 'apply', ring, digest, target, options: applyOptions, track, digests: manifest, entries },
      });
      const { bytes, diffID } = await open.done;
      return { digest, diffID, bytes, ...reply! };
    } catch (error) {
      throw await blameBlob(error, source, this.#options.signal);
    } finally {
      open.abort();
      stopReporting();
    }
  }

  /**
   * Writes umoci's mtree manifest of a directory from what was applied to it, without reading any content.
   *
   * @param track of the layers; all that is in the directory came from them
   * @param file path of the manifest; appears whole or not at all
   */
  async writeManifest(track: string, target: string, file: string, header: Header): Promise<void> {
    await this.#laneFor(track).applier.request({ type: 'manifest', target, track, file, header });
  }

  /** Ends the threads, after what they are doing has stopped. */
  async close(): Promise<void> {
    this.#giveUp();
    this.#options.signal.removeEventListener('abort', this.#stop);
    await Promise.all(this.#lanes.map(closeLane));
  }

  #laneFor(track: string | null): Lane {
    if (track === null) return this.#idleLane();
    const lane = this.#laneOfTrack.get(track) ?? this.#idleLane();
    this.#laneOfTrack.set(track, lane);
    return lane;
  }

  #idleLane(): Lane {
    const idlest = this.#lanes.toSorted((a, b) => a.applier.load - b.applier.load)[0];
    if (idlest && (idlest.applier.load === 0 || this.#lanes.length >= availableParallelism())) return idlest;
    const lane = new Lane(this.#options.onWarning ?? (() => {}));
    this.#lanes.push(lane);
    return lane;
  }

  #take(source: LayerSource, lane: Lane): OpenSource {
    const opened = this.#opened.get(source);
    // a source that nobody reads would keep its thread from those behind it
    this.#giveUp(source);
    this.#openAhead();
    return opened ?? lane.sources.open(source, { signal: this.#options.signal });
  }

  /** Closes what was opened ahead: those before `source`, or all if it is not among them. */
  #giveUp(source?: LayerSource): void {
    for (const [ahead, open] of this.#opened) {
      this.#opened.delete(ahead);
      if (ahead === source) return;
      open.abort();
    }
    const at = source === undefined ? -1 : this.#ahead.indexOf(source);
    this.#ahead = at < 0 ? [] : this.#ahead.slice(at + 1);
  }

  /** The rings have failed by now; a thread that does not see it, since it does not read, is ended. */
  readonly #stop = (): void => {
    for (const { applier } of this.#lanes) applier.endWithin(GRACE);
  };

  #openAhead(): void {
    while (this.#opened.size < SOURCES_AHEAD) {
      const source = this.#ahead.shift();
      if (!source) return;
      const lane = this.#lanes[0] ?? this.#idleLane();
      this.#opened.set(source, lane.sources.open(source, { signal: this.#options.signal }));
    }
  }
}

/** The thread that applies may still be waiting for the other. */
async function closeLane({ applier, sources }: Lane): Promise<void> {
  await applier.close();
  await sources.close();
}

/** @throws the signal's reason if that is one of ours, else LayerhookError ABORTED */
function throwIfAborted({ aborted, reason }: AbortSignal): void {
  if (!aborted) return;
  throw isLayerhookError(reason) ? reason : new LayerhookError('ABORTED', { what: 'unpacking' }, reason);
}

function report(
  open: OpenSource,
  entries: SharedArrayBuffer,
  onProgress: LayerOptions['onProgress'],
): () => void {
  if (!onProgress) return () => {};
  const count = new Int32Array(entries);
  const timer = setInterval(
    () => onProgress({ ...open.progress(), entries: Atomics.load(count, 0) }),
    PROGRESS_INTERVAL,
  );
  return () => clearInterval(timer);
}
