/**
 * Inflating with libisal2 (ISA-L) through koffi. It takes half the time of node:zlib; docs/performance.md.
 *
 * Only the first fields of `struct inflate_state` are used (igzip_lib.h). They are part of the library's ABI, version 2.
 */

import type Koffi from 'koffi';

/** A raw deflate stream (RFC 1951) that is inflated with blocking calls. */
export interface RawInflate {
  /** Begins another stream. */
  reset(): void;
  /**
   * Inflates until `input` is used up, `output` is full, or the stream ends.
   *
   * @param input the next bytes; empty: only bytes that did not fit into the last output
   * @throws Error if the stream is malformed
   */
  step(input: Buffer, output: Buffer): InflateStep;
  /** Returns the CRC-32 of gzip of earlier bytes, whose CRC is `before`, and `bytes`. */
  crc(bytes: Buffer, before: number): number;
}

interface InflateStep {
  /** bytes written to the output */
  produced: number;
  /** the input that was not needed; after the end of the stream it may begin with bytes of earlier inputs */
  rest: Buffer;
  /** True if the stream has ended. An end together with the last byte of the input is seen in the next step. */
  ended: boolean;
}

/** Offsets of the fields. */
const nextOut = 0;
const availOut = 8;
const nextIn = 16;
const availIn = 32;
const heldBits = 36;
/** The struct has 88 KB, most of it for what does not fit into the output. */
const stateBytes = 128 * 1024;
/** Bytes of the input that libisal may hold; at the end of the stream they are not part of it. */
const heldBytes = 8;

/** ISAL_INVALID_BLOCK, ISAL_INVALID_SYMBOL, ISAL_INVALID_LOOKBACK. */
const reasons = new Map([
  [-1, 'invalid block'],
  [-2, 'invalid symbol'],
  [-3, 'invalid distance'],
]);

/** Value of `$LAYERHOOK_INFLATE` that chooses node:zlib although libisal2 is installed. */
export const nodeZlib = 'zlib';

/** Does the same as {@link bindIsal} for a caller that starts without koffi. */
export async function loadIsal(): Promise<(() => RawInflate) | null> {
  const { default: koffi } = await import('koffi');
  return bindIsal(koffi);
}

/**
 * Loads libisal2.
 *
 * @returns a function that creates inflaters; null if libisal2 is not installed, or `LAYERHOOK_INFLATE=zlib` is set
 */
export function bindIsal(koffi: typeof Koffi): (() => RawInflate) | null {
  if (process.env.LAYERHOOK_INFLATE === nodeZlib) return null;
  try {
    return bindFunctions(koffi);
  } catch {
    return null;
  }
}

/** @throws Error of the dynamic loader if libisal2 is not installed */
function bindFunctions(koffi: typeof Koffi): () => RawInflate {
  const library = koffi.load('libisal.so.2');
  const init: (state: Buffer) => void = library.func('void isal_inflate_init(void*)');
  const inflate: (state: Buffer) => number = library.func('int isal_inflate(void*)');
  const crc: (before: number, bytes: Buffer, length: number) => number = library.func(
    'uint32_t crc32_gzip_refl(uint32_t, void*, uint64_t)',
  );
  const address = (bytes: Buffer) => (bytes.length > 0 ? koffi.address(bytes) : 0n);

  return () => {
    const state = Buffer.alloc(stateBytes);
    const held = new HeldBytes();
    return {
      reset: () => init(state),
      crc: (bytes, before) => crc(before, bytes, bytes.length),
      step(input, output) {
        state.writeBigUInt64LE(address(output), nextOut);
        state.writeUInt32LE(output.length, availOut);
        state.writeBigUInt64LE(address(input), nextIn);
        state.writeUInt32LE(input.length, availIn);
        const status = inflate(state);
        if (status < 0) throw new Error(reasons.get(status) ?? `error ${status} of libisal`);
        const space = state.readUInt32LE(availOut);
        const left = state.readUInt32LE(availIn);
        const ended = space > 0 && left > 0;
        // at the end, newer versions than 2.30 give back by themselves what they hold
        const unused = ended ? left + (state.readInt32LE(heldBits) >> 3) : left;
        return { produced: output.length - space, rest: held.rest(input, unused), ended };
      },
    };
  };
}

/** The last bytes of the input, because a later step may find that they come after the end of the stream. */
class HeldBytes {
  readonly #bytes = Buffer.alloc(heldBytes);

  /** Returns the last `left` bytes of all input. */
  rest(input: Buffer, left: number): Buffer {
    const taken = input.length - left;
    if (taken < 0) return Buffer.concat([this.#bytes.subarray(taken), input]);
    const last = input.subarray(Math.max(taken - heldBytes, 0), taken);
    this.#bytes.copyWithin(0, last.length);
    this.#bytes.set(last, heldBytes - last.length);
    return input.subarray(taken);
  }
}
