import { receiveError, type TransferredError, transferError } from '../../errors/transfer.js';
import type { ByteSource } from '../types.js';

/**
 * A pipe between two threads over one SharedArrayBuffer: a few slots, filled by one writer and read by one reader,
 * each of which blocks its thread while it waits for the other. What is read is not copied.
 *
 * It carries bytes, then an end or an error. Whichever side goes away first, the other does not hang:
 * a writer that fails, or is told that it never will go on ({@link failRing}), wakes the reader; a reader that
 * closes wakes the writer.
 */

const SLOT_BYTES = 512 * 1024;
const SLOTS = 6;
const ERROR_BYTES = 16 * 1024;

/** Fields of the control words. */
const HEAD = 0; // slots written
const TAIL = 1; // slots given back
const STATE = 2;
const CLOSED = 3; // 1: the reader reads no more
const READER_TURN = 4; // raised whenever there is something new for the reader to see
const WRITER_TURN = 5;
const ERROR_LENGTH = 6;
const LENGTHS = 8; // bytes in each slot
const CONTROL_WORDS = LENGTHS + SLOTS;

const OPEN = 0;
const ENDED = 1;
const FAILED = 2;
const FAILING = 3; // someone is writing the error down

const COUNTERS_AT = 64;
const ERROR_AT = COUNTERS_AT + 16;
const SLOTS_AT = 4096 * Math.ceil((ERROR_AT + ERROR_BYTES) / 4096);

/** Memory for a ring; 3 MiB. */
export function createRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS_AT + SLOTS * SLOT_BYTES);
}

/** The two running totals that a ring carries beside its bytes: of the blob read, and of what came out of it. */
export function ringCounters(ring: SharedArrayBuffer): { blobBytes: number; bytes: number } {
  const [blobBytes, bytes] = new Float64Array(ring, COUNTERS_AT, 2);
  return { blobBytes: blobBytes!, bytes: bytes! };
}

/** Ends the ring with an error, from any thread, unless it has ended already; the reader gets it after the bytes. */
export function failRing(ring: SharedArrayBuffer, error: unknown): void {
  const control = controlOf(ring);
  const place = new Uint8Array(ring, ERROR_AT, ERROR_BYTES);
  // before the state changes: a thread that ends while it is FAILING, out of memory, would leave the others waiting
  const text = encodeError(error);
  if (Atomics.compareExchange(control, STATE, OPEN, FAILING) !== OPEN) return;
  place.set(text);
  control[ERROR_LENGTH] = text.length;
  Atomics.store(control, STATE, FAILED);
  wake(control, READER_TURN);
  wake(control, WRITER_TURN);
}

export class RingWriter {
  readonly #ring: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #counters: Float64Array;
  #slot: Uint8Array | undefined;
  #filled = 0;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = ring;
    this.#control = controlOf(ring);
    this.#counters = new Float64Array(ring, COUNTERS_AT, 2);
  }

  /**
   * Copies bytes into the ring, blocking the thread while it is full.
   *
   * @returns false if nobody wants them any more: the reader has closed, or the ring has failed
   */
  write(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      this.#slot ??= this.#nextSlot();
      if (this.#slot === undefined) return false;
      const step = Math.min(bytes.length - at, SLOT_BYTES - this.#filled);
      this.#slot.set(step === bytes.length ? bytes : bytes.subarray(at, at + step), this.#filled);
      at += step;
      this.#filled += step;
      if (this.#filled === SLOT_BYTES) this.#publish();
    }
    return this.wanted;
  }

  /** Whether there still is a reader for what is written. */
  get wanted(): boolean {
    return Atomics.load(this.#control, CLOSED) === 0 && Atomics.load(this.#control, STATE) === OPEN;
  }

  /** The error that the ring failed with, if it did. */
  get failure(): Error | undefined {
    return Atomics.load(this.#control, STATE) === FAILED ? readError(this.#ring, this.#control) : undefined;
  }

  /** Tells how far the blob is read and how much came out of it, for {@link ringCounters}. */
  count(blobBytes: number, bytes: number): void {
    this.#counters[0] = blobBytes;
    this.#counters[1] = bytes;
  }

  /** No more bytes: the reader gets null after those in the ring. */
  end(): void {
    this.#publish();
    if (Atomics.compareExchange(this.#control, STATE, OPEN, ENDED) === OPEN) wake(this.#control, READER_TURN);
  }

  /** No more bytes, for a reason: the reader gets the error after those in the ring. */
  fail(error: unknown): void {
    this.#publish();
    failRing(this.#ring, error);
  }

  #publish(): void {
    if (this.#filled === 0) return;
    const head = this.#control[HEAD]!;
    this.#control[LENGTHS + (head % SLOTS)] = this.#filled;
    this.#filled = 0;
    this.#slot = undefined;
    Atomics.store(this.#control, HEAD, head + 1);
    wake(this.#control, READER_TURN);
  }

  /** Waits for a free slot; undefined if it will not be wanted. */
  #nextSlot(): Uint8Array | undefined {
    const control = this.#control;
    for (;;) {
      const turn = Atomics.load(control, WRITER_TURN);
      if (!this.wanted) return undefined;
      const head = control[HEAD]!;
      if (head - Atomics.load(control, TAIL) < SLOTS) {
        return new Uint8Array(this.#ring, SLOTS_AT + (head % SLOTS) * SLOT_BYTES, SLOT_BYTES);
      }
      Atomics.wait(control, WRITER_TURN, turn);
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
   * The next bytes, in place, valid until the next call; null at the end. Blocks the thread until there are some.
   *
   * @throws the error that the writer, or {@link failRing}, ended the ring with
   */
  read(): Buffer | null {
    this.#release();
    const control = this.#control;
    for (;;) {
      const turn = Atomics.load(control, READER_TURN);
      // the state first: what was written before the end must be seen with it
      const state = Atomics.load(control, STATE);
      const tail = control[TAIL]!;
      if (Atomics.load(control, HEAD) !== tail) {
        this.#holding = true;
        const slot = tail % SLOTS;
        return Buffer.from(this.#ring, SLOTS_AT + slot * SLOT_BYTES, control[LENGTHS + slot]);
      }
      if (state === ENDED) return null;
      if (state === FAILED) throw readError(this.#ring, control);
      Atomics.wait(control, READER_TURN, turn);
    }
  }

  /** No more will be read: a writer that waits, or writes, is told. Harmless after the end. */
  close(): void {
    this.#release();
    Atomics.store(this.#control, CLOSED, 1);
    wake(this.#control, WRITER_TURN);
  }

  #release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    Atomics.add(this.#control, TAIL, 1);
    wake(this.#control, WRITER_TURN);
  }
}

function controlOf(ring: SharedArrayBuffer): Int32Array {
  return new Int32Array(ring, 0, CONTROL_WORDS);
}

/** Raises the word that a side waits on, so that a wait which begins just now does not miss it. */
function wake(control: Int32Array, turn: typeof READER_TURN | typeof WRITER_TURN): void {
  Atomics.add(control, turn, 1);
  Atomics.notify(control, turn);
}

function readError(ring: SharedArrayBuffer, control: Int32Array): Error {
  const text = Buffer.from(ring, ERROR_AT, control[ERROR_LENGTH]).toString();
  return receiveError(JSON.parse(text) as TransferredError);
}

/** The error as JSON that fits; without its causes if it must be. */
function encodeError(error: unknown): Buffer {
  const whole = transferError(error);
  const text = Buffer.from(JSON.stringify(whole));
  if (text.length <= ERROR_BYTES) return text;
  const short =
    'code' in whole ? { ...whole, cause: undefined } : { name: whole.name, message: whole.message };
  const shortText = Buffer.from(JSON.stringify(short));
  if (shortText.length <= ERROR_BYTES) return shortText;
  return Buffer.from(JSON.stringify({ name: 'Error', message: String(error).slice(0, 2000) }));
}
