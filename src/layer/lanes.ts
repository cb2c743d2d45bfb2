import { availableParallelism } from 'node:os';
import type { ApplyHere } from './apply/apply-here.js';
import { ApplyThread } from './apply/apply-thread.js';
import { SourceThread } from './stream/index.js';

/** Bytes of blobs that are applied without a thread: of one, and of all. */
const HERE_BYTES = 64 * 1024;
const ALL_HERE_BYTES = 256 * 1024;

/** A thread that decompresses and one that applies: what a layer needs. */
export class Lane {
  #sources: SourceThread | undefined;
  readonly applier: ApplyThread | ApplyHere;
  /** given out to a layer that runs side by side with others */
  taken = false;

  constructor(applier: ApplyThread | ApplyHere) {
    this.applier = applier;
  }

  /** The thread that decompresses, started when it is first needed. */
  get sources(): SourceThread {
    this.#sources ??= new SourceThread();
    return this.#sources;
  }

  /** The thread that applies may still be waiting for the other. */
  async close(): Promise<void> {
    await this.applier.close();
    await this.#sources?.close();
  }
}

/** What must wait for a lane before another one is worth its start: bytes of blobs, or layers. */
const WORTH_BYTES = 1 << 20;
const WORTH_LAYERS = 4;

interface Waiting {
  size: number;
  give(lane: Lane): void;
}

/** As many lanes as there are cores, started when they are first needed, and given out again and again. */
export class Lanes {
  readonly all: Lane[] = [];
  readonly #onWarning: (message: string) => void;
  readonly #waiting: Waiting[] = [];
  #here: Lane | undefined;
  #hereBytes = 0;

  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  /** The one with the least to do; a new one if all have something. */
  idlest(): Lane {
    const [idlest] = this.all.toSorted((a, b) => a.applier.load - b.applier.load);
    return idlest && (idlest.applier.load === 0 || !this.#mayAdd()) ? idlest : this.#add();
  }

  /**
   * One that nobody else takes until it is released; waits for it in turn.
   *
   * @param size bytes of the blob that it is for: for little, waiting is better than another lane
   * @throws LayerhookError SYSTEM if no thread can start
   */
  async take(size: number): Promise<Lane> {
    const free = this.all.find((lane) => !lane.taken) ?? (this.#isWorthMore(size) ? this.#add() : null);
    return new Promise((give) => {
      this.#waiting.push({ size, give });
      if (free !== null) this.release(free);
    });
  }

  /**
   * The caller's own thread, for a layer that is applied sooner than another thread starts.
   *
   * @param size bytes of the layer's blob
   * @returns null if there are threads, or it is not worth it
   */
  async here(size: number): Promise<Lane | null> {
    if (size > HERE_BYTES || this.#hereBytes + size > ALL_HERE_BYTES) return null;
    const { ApplyHere } = await import('./apply/apply-here.js');
    if (this.all.length > 0) return null;
    this.#hereBytes += size;
    this.#here ??= new Lane(new ApplyHere(this.#onWarning));
    return this.#here;
  }

  /** Whether the caller's own thread applies all such layers. */
  areFewBytes(layers: readonly { size: number }[]): boolean {
    const bytes = layers.reduce((sum, { size }) => sum + size, 0);
    return bytes <= ALL_HERE_BYTES && layers.every(({ size }) => size <= HERE_BYTES);
  }

  release(lane: Lane): void {
    const next = this.#waiting.shift();
    lane.taken = next !== undefined;
    next?.give(lane);
  }

  /** Whether another lane is worth its start for one more layer of `more` bytes. */
  #isWorthMore(more: number): boolean {
    if (!this.#mayAdd()) return false;
    const bytes = this.#waiting.reduce((sum, { size }) => sum + size, more);
    return this.all.length === 0 || bytes >= WORTH_BYTES || this.#waiting.length + 1 >= WORTH_LAYERS;
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((lane) => lane.close()));
  }

  #mayAdd(): boolean {
    return this.all.length < availableParallelism();
  }

  #add(): Lane {
    const lane = new Lane(new ApplyThread(this.#onWarning));
    this.all.push(lane);
    return lane;
  }
}
