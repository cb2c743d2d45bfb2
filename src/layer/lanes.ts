import { availableParallelism } from 'node:os';
import type { ApplyInline } from './apply/apply-inline.js';
import { ApplyThread } from './apply/apply-thread.js';
import { SourceThread } from './stream/index.js';

/** Bytes of blobs that may be applied inline: of one blob, and of all together. */
const inlineBytes = 64 * 1024;
const allInlineBytes = 256 * 1024;

/** The two threads that a layer needs: one decompresses, the other applies. */
export class Lane {
  #sources: SourceThread | undefined;
  readonly applier: ApplyThread | ApplyInline;
  /** true while a layer of its own directory uses the lane exclusively */
  taken = false;

  constructor(applier: ApplyThread | ApplyInline) {
    this.applier = applier;
  }

  /** The decompressing thread, started on first use. */
  get sources(): SourceThread {
    this.#sources ??= new SourceThread();
    return this.#sources;
  }

  /** Ends the applying thread first, because it may still be waiting for the other one. */
  async close(): Promise<void> {
    await this.applier.close();
    await this.#sources?.close();
  }
}

/** The backlog that justifies starting another lane: bytes of waiting blobs, or waiting layers. */
const worthBytes = 1 << 20;
const worthLayers = 4;

interface Waiting {
  size: number;
  give(lane: Lane): void;
}

/** A pool of lanes, at most one per core, started on demand. */
export class Lanes {
  readonly all: Lane[] = [];
  readonly #onWarning: (message: string) => void;
  readonly #waiting: Waiting[] = [];
  #inline: Lane | undefined;
  #inlineBytes = 0;

  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  /** Returns the lane with the least work; starts a new one if all are busy and a core is left. */
  idlest(): Lane {
    const [idlest] = this.all.toSorted((a, b) => a.applier.load - b.applier.load);
    return idlest && (idlest.applier.load === 0 || !this.#mayAdd()) ? idlest : this.#add();
  }

  /**
   * Waits for a lane for exclusive use until {@link release}, in order of the calls.
   *
   * @param size bytes of the blob; for a small blob, waiting is faster than starting another lane
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
   * Returns a lane that works inline, for a layer that takes less time than starting a thread.
   *
   * @param size bytes of the layer's blob
   * @returns null if threads are running already, or the layer is too large
   */
  async inline(size: number): Promise<Lane | null> {
    if (size > inlineBytes || this.#inlineBytes + size > allInlineBytes) return null;
    const { ApplyInline } = await import('./apply/apply-inline.js');
    if (this.all.length > 0) return null;
    this.#inlineBytes += size;
    this.#inline ??= new Lane(new ApplyInline(this.#onWarning));
    return this.#inline;
  }

  /** True if all these layers together take less time than starting a thread. */
  areFewBytes(layers: readonly { size: number }[]): boolean {
    const bytes = layers.reduce((sum, { size }) => sum + size, 0);
    return bytes <= allInlineBytes && layers.every(({ size }) => size <= inlineBytes);
  }

  release(lane: Lane): void {
    const next = this.#waiting.shift();
    lane.taken = next !== undefined;
    next?.give(lane);
  }

  /** True if one more layer of `more` bytes justifies starting another lane. */
  #isWorthMore(more: number): boolean {
    if (!this.#mayAdd()) return false;
    const bytes = this.#waiting.reduce((sum, { size }) => sum + size, more);
    return this.all.length === 0 || bytes >= worthBytes || this.#waiting.length + 1 >= worthLayers;
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
