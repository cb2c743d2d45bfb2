import { loadIsal, type RawInflate } from '../../system/isal.js';
import type { BlockingDecoder } from './algorithm.js';
import { GzipFrames } from './gzip-frames.js';

/**
 * Decompresses gzip with libisal2, as Gunzip does with node:zlib: any number of members, the CRC and length of each checked,
 * trailing data ignored.
 */
export class IsalGunzip implements BlockingDecoder {
  readonly name = 'libisal2';
  readonly #inflate: RawInflate;
  readonly #frames: GzipFrames;
  #rest: Buffer = Buffer.alloc(0);
  /** True if libisal may hold output that did not fit. */
  #holdsOutput = false;
  #crc = 0;
  #length = 0;

  constructor(digest: string, inflate: RawInflate) {
    this.#inflate = inflate;
    this.#frames = new GzipFrames(digest, () => ({ crc: this.#crc, length: this.#length }));
  }

  feed(input: Buffer): void {
    this.#rest = input;
  }

  read(output: Buffer): number {
    for (;;) {
      if (!this.#frames.inBody && !this.#findMember()) return 0;
      if (this.#rest.length === 0 && !this.#holdsOutput) return 0;
      const produced = this.#step(output);
      if (produced > 0) return produced;
    }
  }

  end(): void {
    this.#frames.end();
  }

  /** @returns false if no deflate stream begins in the rest of the input */
  #findMember(): boolean {
    this.#rest = this.#frames.read(this.#rest);
    if (!this.#frames.inBody) return false;
    this.#inflate.reset();
    this.#crc = 0;
    this.#length = 0;
    return true;
  }

  #step(output: Buffer): number {
    const { produced, rest, ended } = this.#tryStep(output);
    const content = output.subarray(0, produced);
    this.#crc = this.#inflate.crc(content, this.#crc);
    this.#length += produced;
    this.#rest = rest;
    this.#holdsOutput = produced === output.length;
    if (ended) this.#frames.endBody();
    return produced;
  }

  #tryStep(output: Buffer) {
    try {
      return this.#inflate.step(this.#rest, output);
    } catch (error) {
      throw this.#frames.corrupt((error as Error).message, error);
    }
  }
}

/** Creates a decompressor; null if libisal2 is not installed, or `LAYERHOOK_INFLATE=zlib` is set. */
export async function isalGunzip(digest: string): Promise<IsalGunzip | null> {
  const create = await loadIsal();
  return create && new IsalGunzip(digest, create());
}
