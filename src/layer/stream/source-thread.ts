import { setTimeout as sleep } from 'node:timers/promises';
import { LayerhookError } from '../../errors/index.js';
import { receiveError } from '../../errors/transfer.js';
import { sourceThreadFile } from '../../places.js';
import { requireThreadPool } from '../../system/pool.js';
import { startThread } from '../../system/thread.js';
import type { LayerSource } from '../types.js';
import type { ClosedMessage, OpenMessage, SourceSummary } from './messages.js';
import { createRing, failRing, ringCounters } from './ring.js';

/** Milliseconds that open sources have to end before the thread is ended. */
const GRACE = 2000;

/** A layer on its way from its blob to a reader. */
export interface OpenSource {
  /** for a RingReader in another thread: the layer's tar, whose end means that both digests were right */
  ring: SharedArrayBuffer;
  /**
   * Settles when the blob has been read, decompressed and verified, or that failed; the reader gets the same error.
   * It never settles while the reader neither reads nor closes: the ring is bounded.
   */
  done: Promise<SourceSummary>;
  /** how far it is, in bytes of the blob and of the tar */
  progress(): { blobBytes: number; bytes: number };
  /** gives up: reader and `done` get `reason`, or ABORTED */
  abort(reason?: unknown): void;
}

/**
 * A thread that reads, verifies and decompresses layers for readers in other threads.
 *
 * Sources are worked off in the order they were opened. Each has a ring of 3 MiB, so a source is decompressed ahead
 * of its reader by no more than that, and the next one begins when the one before is in its ring as a whole.
 */
export class SourceThread {
  readonly #worker = startThread(sourceThreadFile, {
    what: 'reading layers',
    onEnd: (reason) => this.#failAll(reason),
  });
  readonly #open = new Map<number, Pending>();
  /** settles with the sources that are open */
  readonly #done = new Map<number, Promise<unknown>>();
  #lastID = 0;
  /** why the thread has ended */
  #failure: { reason: unknown } | undefined;
  #closing = false;

  /** @throws LayerhookError SYSTEM if the thread, or node's thread pool that it decompresses in, cannot start */
  constructor() {
    // checked here: the thread itself starts without koffi
    requireThreadPool();
    // an idle thread keeps no process alive
    this.#worker.unref();
    this.#worker.on('message', (message: ClosedMessage) => this.#settle(message));
  }

  /** Starts reading a layer. Aborting `signal` does what {@link OpenSource.abort} does. */
  open(source: LayerSource, { signal }: { signal?: AbortSignal | undefined } = {}): OpenSource {
    const id = ++this.#lastID;
    const ring = createRing();
    const abort = (reason?: unknown) => {
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
    return { ring, done, progress: () => ringCounters(ring), abort };
  }

  /** Ends the thread; sources that are not done fail with ABORTED. */
  async close(): Promise<void> {
    this.#closing = true;
    // koffi takes the whole process down if its thread is ended while it loads libzstd: the sources must end first
    for (const { ring } of this.#open.values()) {
      failRing(ring, new LayerhookError('ABORTED', { what: 'reading layers' }));
    }
    await Promise.race([Promise.allSettled(this.#done.values()), sleep(GRACE, undefined, { ref: false })]);
    await this.#worker.terminate();
  }

  #settle(message: ClosedMessage): void {
    const pending = this.#open.get(message.id);
    if (pending === undefined) return;
    this.#open.delete(message.id);
    // while it is being ended, the process must live to see that
    if (this.#open.size === 0 && !this.#closing) this.#worker.unref();
    pending.unlisten();
    if ('summary' in message) pending.resolve(message.summary);
    else pending.reject(receiveError(message.error));
  }

  /** The thread has ended, so nothing will come of what is open. */
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
