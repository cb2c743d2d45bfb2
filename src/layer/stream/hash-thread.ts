import { availableParallelism } from 'node:os';
import { hashThreadFile } from '../../places.js';
import { startThread } from '../../system/thread.js';
import type { LayerSource } from '../types.js';
import type { HashMessage } from './messages.js';
import { expectHasher } from './ring.js';

/**
 * Bytes of a blob that justify another thread. On two cores, a layer of 900 MB is unpacked in 0.81 (copy) and 0.68 (erofs) of the
 * time, one of 166 MB in 0.96 (erofs), layers of 33 to 66 MB beside others in 1.00 to 1.10 (node 24, 3 to 5 pairs).
 */
const worthBytes = 256 << 20;

/** True if the tar of a layer is hashed in a thread of its own. */
export function isWorthHasher({ size }: Pick<LayerSource, 'size'>): boolean {
  return size >= worthBytes && availableParallelism() > 1;
}

/** A thread that hashes the tars of large layers, so that the thread that inflates them has less to do. */
export class HashThread {
  readonly #worker;

  /**
   * @param onEnd called with the reason when the thread has ended: its rings must fail
   * @throws LayerhookError SYSTEM if the thread cannot start
   */
  constructor(onEnd: (reason: unknown) => void) {
    this.#worker = startThread(hashThreadFile, { what: 'hashing layers', onEnd });
    this.#worker.unref();
  }

  /** Hashes the tar of a layer while the writer of the ring writes it. */
  hash(ring: SharedArrayBuffer, { digest, diffID }: LayerSource): void {
    expectHasher(ring);
    this.#worker.postMessage({ ring, algorithm: diffID.slice(0, 6), digest } satisfies HashMessage);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
