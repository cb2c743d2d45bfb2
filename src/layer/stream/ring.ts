import { receiveError, type TransferredError, transferError } from '../../errors/transfer.js';
import { span } from '../../system/trace.js';
import type { ByteSource } from '../types.js';

/**
 * A pipe between two threads over one SharedArrayBuffer: a few slots, filled by one writer and read by one reader. Each
 * side blocks its thread while it waits for the other. Reading does not copy.
 *
 * It carries bytes, and after them an end or an error. If one side stops first, the other does not hang: failing the ring
 * ({@link failRing}) wakes both sides, and a reader that closes wakes the writer.
 */

const slotBytes = 512 * 1024;
const slotCount = 6;
const errorBytes = 16 * 1024;

/** Fields of the control words. */
const headWord = 0; // slots written
const tailWord = 1; // slots released by the reader
const stateWord = 2;
const closedWord = 3; // 1: the reader has closed
const readerTurnWord = 4; // incremented at each change that matters to the reader
const writerTurnWord = 5;
const errorLengthWord = 6;
const lengthWords = 8; // bytes in each slot
const controlWords = lengthWords + slotCount;

const open = 0;
const ended = 1;
const failed = 2;
const failing = 3; // a thread is storing the error

const countersAt = 64;
const errorAt = countersAt + 16;
const slotsAt = 4096 * Math.ceil((errorAt + errorBytes) / 4096);

/** Allocates a ring of 3 MiB. */
export function createRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(slotsAt + slotCount * slotBytes);
}

/** Makes a ring as new, for another source. Both sides must be done with it. */
export function resetRing(ring: SharedArrayBuffer): void {
  new Uint8Array(ring, 0, slotsAt).fill(0);
}

/** Returns the progress stored in a ring: bytes read of the blob, and bytes of the tar. */
export function ringCounters(ring: SharedArrayBuffer): { blobBytes: number; bytes: number } {
  const [blobBytes, bytes] = new Float64Array(ring, countersAt, 2);
  return { blobBytes: blobBytes!, bytes: bytes! };
}

/** Ends the ring with an error unless it has ended. Any thread may call it. The reader gets the error after the bytes. */
export function failRing(ring: SharedArrayBuffer, error: unknown): void {
  const control = controlOf(ring);
  const place = new Uint8Array(ring, errorAt, errorBytes);
  // encode before changing the state: a thread that dies in state `failing` (out of memory) would leave the others waiting
  const text = encodeError(error);
  if (Atomics.compareExchange(control, stateWord, open, failing) !== open) return;
  place.set(text);
  control[errorLengthWord] = text.length;
  Atomics.store(control, stateWord, failed);
  wake(control, readerTurnWord);
  wake(control, writerTurnWord);
}

export class RingWriter {
  readonly #ring: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #counters: Float64Array;
  #slot: Buffer | undefined;
  #filled = 0;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = ring;
    this.#control = controlOf(ring);
    this.#counters = new Float64Array(ring, countersAt, 2);
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
    return Atomics.load(this.#control, stateWord) === failed
      ? readError(this.#ring, this.#control)
      : undefined;
  }

  /** Stores the progress for {@link ringCounters}: bytes read of the blob, and bytes of the tar. */
  count(blobBytes: number, bytes: number): void {
    this.#counters[0] = blobBytes;
    this.#counters[1] = bytes;
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
    this.#control[lengthWords + (head % slotCount)] = this.#filled;
    this.#filled = 0;
    this.#slot = undefined;
    Atomics.store(this.#control, headWord, head + 1);
    wake(this.#control, readerTurnWord);
  }

  /** Waits for a free slot; undefined if the reader needs no more bytes. */
  #nextSlot(): Buffer | undefined {
    const control = this.#control;
    for (;;) {
      const turn = Atomics.load(control, writerTurnWord);
      if (!this.wanted) return undefined;
      const head = control[headWord]!;
      if (head - Atomics.load(control, tailWord) < slotCount) {
        return Buffer.from(this.#ring, slotsAt + (head % slotCount) * slotBytes, slotBytes);
      }
      const waited = span('wait');
      Atomics.wait(control, writerTurnWord, turn);
      waited();
    }
  }
}

export class RingReader implements ByteSource {
  readonly #ring: SharedArrayBuffer;
  readonly #control: Int32Array;
  #holding = false;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = ring;
    this.#control = controlOf(ring);
  }

  /**
   * Returns the next bytes as a view that is valid until the next call; null at the end. Blocks the thread while the ring
   * is empty.
   *
   * @throws the error of a failed ring
   */
  read(): Buffer | null {
    this.#release();
    const control = this.#control;
    for (;;) {
      const turn = Atomics.load(control, readerTurnWord);
      // read the state before the head: bytes written before the end must not be missed
      const state = Atomics.load(control, stateWord);
      const tail = control[tailWord]!;
      if (Atomics.load(control, headWord) !== tail) {
        this.#holding = true;
        const slot = tail % slotCount;
        return Buffer.from(this.#ring, slotsAt + slot * slotBytes, control[lengthWords + slot]);
      }
      if (state === ended) return null;
      if (state === failed) throw readError(this.#ring, control);
      const waited = span('wait');
      Atomics.wait(control, readerTurnWord, turn);
      waited();
    }
  }

  /** Stops reading, and wakes a waiting writer, whose writes then return false. Harmless after the end. */
  close(): void {
    this.#release();
    Atomics.store(this.#control, closedWord, 1);
    wake(this.#control, writerTurnWord);
  }

  #release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    Atomics.add(this.#control, tailWord, 1);
    wake(this.#control, writerTurnWord);
  }
}

function controlOf(ring: SharedArrayBuffer): Int32Array {
  return new Int32Array(ring, 0, controlWords);
}

/** Increments the word that a side waits on, so that a wait that begins at the same moment does not miss the change. */
function wake(control: Int32Array, turn: typeof readerTurnWord | typeof writerTurnWord): void {
  Atomics.add(control, turn, 1);
  Atomics.notify(control, turn);
}

function readError(ring: SharedArrayBuffer, control: Int32Array): Error {
  const text = Buffer.from(ring, errorAt, control[errorLengthWord]).toString();
  return receiveError(JSON.parse(text) as TransferredError);
}

/** Encodes an error as JSON; drops its causes if it would be too long. */
function encodeError(error: unknown): Buffer {
  const whole = transferError(error);
  const text = Buffer.from(JSON.stringify(whole));
  if (text.length <= errorBytes) return text;
  const short =
    'code' in whole ? { ...whole, cause: undefined } : { name: whole.name, message: whole.message };
  const shortText = Buffer.from(JSON.stringify(short));
  if (shortText.length <= errorBytes) return shortText;
  return Buffer.from(JSON.stringify({ name: 'Error', message: String(error).slice(0, 2000) }));
}
