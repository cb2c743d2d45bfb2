import { receiveError, type TransferredError, transferError } from '../../errors/transfer.js';
import type { ByteSource } from '../types.js';

/**
 * A pipe between two threads over one SharedArrayBuffer: a few slots, filled by one writer and read by one reader. Each
 * side blocks its thread while it waits for the other. Reading does not copy.
 *
 * It carries bytes, and after them an end or an error. If one side stops first, the other does not hang: failing the ring
 * ({@link failRing}) wakes both sides, and a reader that closes wakes the writer.
 */

const SLOT_BYTES = 512 * 1024;
const SLOTS = 6;
const ERROR_BYTES = 16 * 1024;

/** Fields of the control words. */
const HEAD = 0; // slots written
const TAIL = 1; // slots released by the reader
const STATE = 2;
const CLOSED = 3; // 1: the reader has closed
const READER_TURN = 4; // incremented at each change that matters to the reader
const WRITER_TURN = 5;
const ERROR_LENGTH = 6;
const LENGTHS = 8; // bytes in each slot
const CONTROL_WORDS = LENGTHS + SLOTS;

const OPEN = 0;
const ENDED = 1;
const FAILED = 2;
const FAILING = 3; // a thread is storing the error

const COUNTERS_AT = 64;
const ERROR_AT = COUNTERS_AT + 16;
const SLOTS_AT = 4096 * Math.ceil((ERROR_AT + ERROR_BYTES) / 4096);

/** Allocates a ring of 3 MiB. */
export function createRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS_AT + SLOTS * SLOT_BYTES);
}

/** Returns the progress stored in a ring: bytes read of the blob, and bytes of the tar. */
export function ringCounters(ring: SharedArrayBuffer): { blobBytes: number; bytes: number } {
  const [blobBytes, bytes] = new Float64Array(ring, COUNTERS_AT, 2);
  return { blobBytes: blobBytes!, bytes: bytes! };
}

/** Ends the ring with an error unless it has ended. Any thread may call it. The reader gets the error after the bytes. */
export function failRing(ring: SharedArrayBuffer, error: unknown): void {
  const control = controlOf(ring);
  const place = new Uint8Array(ring, ERROR_AT, ERROR_BYTES);
  // encode before changing the state: a thread that dies in state FAILING (out of memory) would leave the others waiting
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
   * Copies bytes into the ring, blocking the thread while the ring is full.
   *
   * @returns false if the bytes are not needed because the reader has closed or the ring has failed
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

  /** True while the reader still needs bytes. */
  get wanted(): boolean {
    return Atomics.load(this.#control, CLOSED) === 0 && Atomics.load(this.#control, STATE) === OPEN;
  }

  /** The error of a failed ring, otherwise undefined. */
  get failure(): Error | undefined {
    return Atomics.load(this.#control, STATE) === FAILED ? readError(this.#ring, this.#control) : undefined;
  }

  /** Stores the progress for {@link ringCounters}: bytes read of the blob, and bytes of the tar. */
  count(blobBytes: number, bytes: number): void {
    this.#counters[0] = blobBytes;
    this.#counters[1] = bytes;
  }

  /** Ends the ring: the reader gets null after the bytes in the ring. */
  end(): void {
    this.#publish();
    if (Atomics.compareExchange(this.#control, STATE, OPEN, ENDED) === OPEN) wake(this.#control, READER_TURN);
  }

  /** Ends the ring with an error, which the reader gets after the bytes in the ring. */
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

  /** Waits for a free slot; undefined if the reader needs no more bytes. */
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
   * Returns the next bytes as a view that is valid until the next call; null at the end. Blocks the thread while the ring
   * is empty.
   *
   * @throws the error of a failed ring
   */
  read(): Buffer | null {
    this.#release();
    const control = this.#control;
    for (;;) {
      const turn = Atomics.load(control, READER_TURN);
      // read the state before the head: bytes written before the end must not be missed
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

  /** Stops reading, and wakes a waiting writer, whose writes then return false. Harmless after the end. */
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

/** Increments the word that a side waits on, so that a wait that begins at the same moment does not miss the change. */
function wake(control: Int32Array, turn: typeof READER_TURN | typeof WRITER_TURN): void {
  Atomics.add(control, turn, 1);
  Atomics.notify(control, turn);
}

function readError(ring: SharedArrayBuffer, control: Int32Array): Error {
  const text = Buffer.from(ring, ERROR_AT, control[ERROR_LENGTH]).toString();
  return receiveError(JSON.parse(text) as TransferredError);
}

/** Encodes an error as JSON; drops its causes if it would be too long. */
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
