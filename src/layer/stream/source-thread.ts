import { setTimeout as sleep } from 'node:timers/promises';
import { LayerhookError } from '../../errors/index.js';
import { receiveError } from '../../errors/transfer.js';
import { sourceThreadFile } from '../../places.js';
import { requireThreadPool } from '../../system/pool.js';
import { startThread } from '../../system/thread.js';
import type { LayerSource } from '../types.js';
import { HashThread, isWorthHasher } from './hash-thread.js';
import type { ClosedMessage, OpenMessage, SourceSummary } from './messages.js';
import { createRing, failRing, resetRing, ringCounters } from './ring.js';

/** Milliseconds that open sources have to end before the thread is ended. */
const grace = 2000;

/** A layer that is being read. */
export interface OpenSource {
  /** the layer's tar, for a RingReader in another thread; it ends only if both digests are right */
  ring: SharedArrayBuffer;
  /**
   * Settles when the blob has been read, decompressed and verified, or has failed; the reader gets the same error. It
   * waits for the reader, because the ring is bounded: the reader must read to the end or close.
   */
  done: Promise<SourceSummary>;
  /** returns the progress in bytes of the blob and of the tar */
  progress(): { blobBytes: number; bytes: number };
  /** stops reading: the reader and `done` get `reason`, or ABORTED */
  abort(reason?: unknown): void;
  /** gives the ring back, for another source; the reader must have closed it, and `done` must have resolved */
  reuse(): void;
}

/**
 * A thread that reads, verifies and decompresses layers for readers in other threads.
 *
 * It handles sources in the order of opening. Each has a ring, so the thread is at most 3 MiB, or 12 MiB of a
 * large layer, ahead of the reader. It begins the next source when the previous one is completely in its ring.
 */
export class SourceThread {
  readonly #worker = startThread(sourceThreadFile, {
    what: 'reading layers',
    onEnd: (reason) => this.#failAll(reason),
  });
  readonly #open = new Map<number, Pending>();
  /** settles with the sources that are open */
  readonly #done = new Map<number, Promise<unknown>>();
  /**
   * Rings to use again. V8 frees a SharedArrayBuffer late: 250 small layers took 370 MiB with a new ring each, and
   * take 125.
   */
  readonly #spare: SharedArrayBuffer[] = [];
  #hasher: HashThread | undefined;
  #lastID = 0;
  /** why the thread has ended */
  #failure: { reason: unknown } | undefined;
  #closing = false;

  /** @throws LayerhookError SYSTEM if the thread, or node's thread pool that it decompresses in, cannot start */
  constructor() {
    // checked here: the thread itself starts without koffi
    requireThreadPool();
    this.#worker.on('message', (message: ClosedMessage) => this.#settle(message));
    // an idle thread must not keep the process alive; a listener that comes later would
    this.#worker.unref();
  }

  /** Starts reading a layer. Aborting `signal` does what {@link OpenSource.abort} does. */
  open(source: LayerSource, { signal }: { signal?: AbortSignal | undefined } = {}): OpenSource {
    const id = ++this.#lastID;
    const withHasher = isWorthHasher(source);
    const ring = withHasher ? createRing({ withHasher }) : (this.#spare.pop() ?? createRing());
    if (withHasher) this.#hashApart(source, ring);
    let reused = false;
    const abort = (reason?: unknown) => {
      if (reused) return;
      failRing(ring, reason ?? new LayerhookError('ABORTED', { what: `reading layer ${source.digest}` }));
    };
    const onAbort = () => abort();
    const done = new Promise<SourceSummary>((resolve, reject) => {
      const unlisten = () => signal?.removeEventListener('abort', onAbort);
      this.#open.set(id, { ring, resolve, reject, unlisten });
    });
    // a caller that only reads the ring gets the error there
    this.#done.set(
      id,
      done.catch(() => {}).then(() => this.#done.delete(id)),
    );
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#worker.ref();
    this.#worker.postMessage({ id, source, ring } satisfies OpenMessage);
    if (this.#failure) this.#failAll(this.#failure.reason);
    const reuse = () => {
      reused = true;
      if (withHasher) return;
      resetRing(ring);
      this.#spare.push(ring);
    };
    return { ring, done, progress: () => ringCounters(ring), abort, reuse };
  }

  /** Ends the thread; sources that are not done fail with ABORTED. */
  async close(): Promise<void> {
    this.#closing = true;
    // koffi takes the whole process down if its thread is ended while it loads libzstd: the sources must end first
    for (const { ring } of this.#open.values()) {
      failRing(ring, new LayerhookError('ABORTED', { what: 'reading layers' }));
    }
    await Promise.race([Promise.allSettled(this.#done.values()), sleep(grace, undefined, { ref: false })]);
    await this.#hasher?.close();
    await this.#worker.terminate();
  }

  #hashApart(source: LayerSource, ring: SharedArrayBuffer): void {
    this.#hasher ??= new HashThread((reason) => this.#failAll(reason));
    this.#hasher.hash(ring, source);
  }

  #settle(message: ClosedMessage): void {
    const pending = this.#open.get(message.id);
    if (pending === undefined) return;
    this.#open.delete(message.id);
    // while the thread is being terminated, the process must stay alive until it has ended
    if (this.#open.size === 0 && !this.#closing) this.#worker.unref();
    pending.unlisten();
    if ('summary' in message) pending.resolve(message.summary);
    else pending.reject(receiveError(message.error));
  }

  /** The thread has ended: fails all open sources. */
  #failAll(reason: unknown): void {
    this.#failure ??= { reason };
    for (const { ring, reject, unlisten } of this.#open.values()) {
      unlisten();
      failRing(ring, this.#failure.reason);
      reject(this.#failure.reason);
    }
    this.#open.clear();
  }
}

interface Pending {
  ring: SharedArrayBuffer;
  resolve(summary: SourceSummary): void;
  reject(error: unknown): void;
  unlisten(): void;
}
