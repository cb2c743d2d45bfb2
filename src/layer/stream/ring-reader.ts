import type { ByteSource } from '../types.js';
import {
  closedWord,
  controlOf,
  digestAt,
  digestBytes,
  ended,
  failed,
  hashed,
  hasherTailWord,
  hasherTurnWord,
  hasherWord,
  headWord,
  lastHashing,
  lengthWords,
  open,
  readError,
  readerTurnWord,
  slotBytes,
  slotsAt,
  slotsOf,
  stateWord,
  type Turn,
  tailWord,
  wait,
  wake,
  writerTurnWord,
} from './ring.js';

/** The words of a side that takes bytes. */
interface Side {
  tail: typeof tailWord | typeof hasherTailWord;
  turn: Turn;
}

const readerSide: Side = { tail: tailWord, turn: readerTurnWord };
const hasherSide: Side = { tail: hasherTailWord, turn: hasherTurnWord };

export class RingReader implements ByteSource {
  readonly #control: Int32Array;
  readonly #tail: Tail;

  constructor(ring: SharedArrayBuffer) {
    this.#control = controlOf(ring);
    this.#tail = new Tail(ring, readerSide);
  }

  /**
   * Returns the next bytes as a view that is valid until the next call; null at the end. Blocks the thread while the ring
   * is empty.
   *
   * @throws the error of a failed ring
   */
  read(): Buffer | null {
    const bytes = this.#tail.next(() => {
      const state = Atomics.load(this.#control, stateWord);
      return state === ended || state === failed ? state : undefined;
    });
    if (bytes === failed) throw readError(this.#control);
    return bytes === ended ? null : bytes;
  }

  /** Stops reading, and wakes a waiting writer, whose writes then return false. Harmless after the end. */
  close(): void {
    this.#tail.release();
    Atomics.store(this.#control, closedWord, 1);
    wake(this.#control, writerTurnWord);
    wake(this.#control, hasherTurnWord);
  }
}

/**
 * Hashes all bytes of the ring, for {@link RingWriter.digest}. Blocks the thread until the writer has written all, or the
 * ring has failed or closed.
 *
 * @param digest takes the bytes one after the other, and returns the digest after the last
 */
export function hashRing(ring: SharedArrayBuffer, digest: (source: ByteSource) => Buffer): void {
  const control = controlOf(ring);
  const tail = new Tail(ring, hasherSide);
  const is = (word: number, value: number) => Atomics.load(control, word) === value;
  const isWanted = () => is(closedWord, 0) && is(stateWord, open);
  const result = digest({
    read: () => tail.next(() => (!isWanted() || is(hasherWord, lastHashing) ? null : undefined)),
  });
  new Uint8Array(ring, digestAt, digestBytes).set(result);
  Atomics.store(control, hasherWord, hashed);
  wake(control, writerTurnWord);
}

/** Takes one slot after the other. */
class Tail {
  readonly #ring: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #side: Side;
  readonly #slots: number;
  #holding = false;

  constructor(ring: SharedArrayBuffer, side: Side) {
    this.#ring = ring;
    this.#control = controlOf(ring);
    this.#side = side;
    this.#slots = slotsOf(ring);
  }

  /**
   * Returns the bytes of the next slot, and keeps it until the next call.
   *
   * @param end returns what comes after the last bytes, undefined if more bytes may follow
   */
  next<T extends number | null>(end: () => T | undefined): Buffer | T {
    this.release();
    const { tail, turn } = this.#side;
    const control = this.#control;
    for (;;) {
      const seen = Atomics.load(control, turn);
      // before the head is read: bytes written before the end must not be missed
      const last = end();
      const at = control[tail]!;
      if (Atomics.load(control, headWord) !== at) {
        this.#holding = true;
        const slot = at % this.#slots;
        return Buffer.from(this.#ring, slotsAt + slot * slotBytes, control[lengthWords + slot]);
      }
      if (last !== undefined) return last;
      wait(control, turn, seen);
    }
  }

  release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    Atomics.add(this.#control, this.#side.tail, 1);
    wake(this.#control, writerTurnWord);
  }
}
