import {
  closedWord,
  controlOf,
  countersOf,
  digestAt,
  ended,
  failed,
  failRing,
  hashed,
  hasherTailWord,
  hasherTurnWord,
  hasherWord,
  hashing,
  headWord,
  lastHashing,
  lengthWords,
  noHasher,
  open,
  readError,
  readerTurnWord,
  slotBytes,
  slotsAt,
  slotsOf,
  stateWord,
  tailWord,
  wait,
  wake,
  writerTurnWord,
} from './ring.js';

export class RingWriter {
  readonly #ring: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #counters: Float64Array;
  readonly #slots: number;
  #slot: Buffer | undefined;
  #filled = 0;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = ring;
    this.#control = controlOf(ring);
    this.#counters = countersOf(ring);
    this.#slots = slotsOf(ring);
  }

  /**
   * Copies bytes into the ring, blocking the thread while the ring is full.
   *
   * @returns false if the bytes are not needed because the reader has closed or the ring has failed
   */
  write(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      const space = this.space();
      if (space === undefined) return false;
      const step = Math.min(bytes.length - at, space.length);
      space.set(step === bytes.length ? bytes : bytes.subarray(at, at + step));
      at += step;
      this.advance(step);
    }
    return this.wanted;
  }

  /**
   * Returns free memory of the ring, at least one byte, for a producer that writes there instead of being copied. Blocks the
   * thread while the ring is full.
   *
   * @returns undefined if the bytes are not needed because the reader has closed or the ring has failed
   */
  space(): Buffer | undefined {
    this.#slot ??= this.#nextSlot();
    return this.#slot?.subarray(this.#filled);
  }

  /** True if {@link space} would block the thread now. */
  get wouldWait(): boolean {
    return this.#slot === undefined && this.wanted && this.#isFull();
  }

  /** Puts the first bytes of {@link space} into the ring. */
  advance(bytes: number): void {
    this.#filled += bytes;
    if (this.#filled === slotBytes) this.#publish();
  }

  /** True while the reader still needs bytes. */
  get wanted(): boolean {
    return Atomics.load(this.#control, closedWord) === 0 && Atomics.load(this.#control, stateWord) === open;
  }

  /** The error of a failed ring, otherwise undefined. */
  get failure(): Error | undefined {
    return Atomics.load(this.#control, stateWord) === failed ? readError(this.#control) : undefined;
  }

  /** Stores the progress for {@link ringCounters}: bytes read of the blob, and bytes of the tar. */
  count(blobBytes: number, bytes: number): void {
    this.#counters[0] = blobBytes;
    this.#counters[1] = bytes;
  }

  /** True if another thread hashes what is written. */
  get hasHasher(): boolean {
    return this.#control[hasherWord] !== noHasher;
  }

  /**
   * Waits for the hasher after the last byte, blocking the thread.
   *
   * @param bytes length of the digest
   * @returns undefined if the ring has failed, or its reader has closed
   */
  digest(bytes: number): Buffer | undefined {
    this.#publish();
    const control = this.#control;
    if (Atomics.compareExchange(control, hasherWord, hashing, lastHashing) === hashing)
      wake(control, hasherTurnWord);
    return this.#await(() => {
      const isDone = Atomics.load(control, hasherWord) === hashed;
      return isDone ? Buffer.from(new Uint8Array(this.#ring, digestAt, bytes)) : null;
    });
  }

  /** Ends the ring: the reader gets null after the bytes in the ring. */
  end(): void {
    this.#publish();
    if (Atomics.compareExchange(this.#control, stateWord, open, ended) === open)
      wake(this.#control, readerTurnWord);
  }

  /** Ends the ring with an error, which the reader gets after the bytes in the ring. */
  fail(error: unknown): void {
    this.#publish();
    failRing(this.#ring, error);
  }

  #publish(): void {
    if (this.#filled === 0) return;
    const head = this.#control[headWord]!;
    this.#control[lengthWords + (head % this.#slots)] = this.#filled;
    this.#filled = 0;
    this.#slot = undefined;
    Atomics.store(this.#control, headWord, head + 1);
    wake(this.#control, readerTurnWord);
    if (this.hasHasher) wake(this.#control, hasherTurnWord);
  }

  /** Waits for a free slot; undefined if the reader needs no more bytes. */
  #nextSlot(): Buffer | undefined {
    const head = this.#control[headWord]! % this.#slots;
    return this.#await(() =>
      this.#isFull() ? null : Buffer.from(this.#ring, slotsAt + head * slotBytes, slotBytes),
    );
  }

  #isFull(): boolean {
    const control = this.#control;
    const read = Atomics.load(control, tailWord);
    const released = this.hasHasher ? Math.min(read, Atomics.load(control, hasherTailWord)) : read;
    return control[headWord]! - released === this.#slots;
  }

  /** Waits until `look` returns something; undefined if the reader needs no more bytes. */
  #await<T>(look: () => T | null): T | undefined {
    for (;;) {
      const turn = Atomics.load(this.#control, writerTurnWord);
      if (!this.wanted) return undefined;
      const found = look();
      if (found !== null) return found;
      wait(this.#control, writerTurnWord, turn);
    }
  }
}
