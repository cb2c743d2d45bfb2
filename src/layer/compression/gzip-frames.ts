import { LayerhookError } from '../../errors/index.js';
import { beginsMember, gzipHeaderLength } from './gzip-header.js';

const trailerBytes = 8;
/** Limit in bytes of a header, which normally holds a file name at most. A hostile one would fill our memory. */
const maxHeaderBytes = 128 * 1024;
const none = Buffer.alloc(0);

/** Facts about the content of a member, which its trailer repeats. */
export interface MemberSums {
  crc: number;
  /** bytes */
  length: number;
}

/**
 * Reads what stands around the deflate streams of a gzip file: the headers and trailers of any number of members, and
 * trailing data, which is ignored as in gzip(1). Everything may come in pieces.
 */
export class GzipFrames {
  readonly #digest: string;
  readonly #sums: () => MemberSums;
  #state: 'header' | 'body' | 'trailer' | 'garbage' = 'header';
  /** incomplete header or trailer from the end of the last chunk */
  #held: Buffer = none;
  #members = 0;

  /**
   * @param digest digest of the layer, for errors
   * @param sums returns the sums of the member that has just ended
   */
  constructor(digest: string, sums: () => MemberSums) {
    this.#digest = digest;
    this.#sums = sums;
  }

  /** True while the next bytes belong to a deflate stream. */
  get inBody(): boolean {
    return this.#state === 'body';
  }

  /** Number of complete members. */
  get members(): number {
    return this.#members;
  }

  /**
   * Reads up to the next deflate stream.
   *
   * @returns the bytes from there on; empty if the chunk ends before
   * @throws LayerhookError COMPRESSION_CORRUPT
   */
  read(chunk: Buffer): Buffer {
    let rest = chunk;
    while (rest.length > 0 && this.#state !== 'body') {
      if (this.#state === 'garbage') return none;
      rest = this.#state === 'header' ? this.#readHeader(rest) : this.#readTrailer(rest);
    }
    return rest;
  }

  /** The deflate stream has ended. */
  endBody(): void {
    this.#state = 'trailer';
  }

  /** The file has ended. @throws LayerhookError COMPRESSION_CORRUPT if it is incomplete */
  end(): void {
    const complete = this.#state === 'garbage' || (this.#state === 'header' && this.#mayEndInHeader());
    if (!complete) throw this.corrupt('it ends too early');
  }

  corrupt(reason: string, cause?: unknown): LayerhookError {
    return new LayerhookError('COMPRESSION_CORRUPT', { digest: this.#digest, format: 'gzip', reason }, cause);
  }

  #mayEndInHeader(): boolean {
    return this.#members > 0 && (this.#held.length < 3 || !beginsMember(this.#held));
  }

  #readHeader(chunk: Buffer): Buffer {
    const data = this.#withHeld(chunk);
    const length = gzipHeaderLength(data);
    if (length === 'bad' && this.#members > 0) this.#state = 'garbage';
    else if (length === 'bad') throw this.corrupt('it has no gzip header');
    else if (length === 'short' && data.length > maxHeaderBytes) throw this.corrupt('its header has no end');
    else if (length === 'short') this.#held = Buffer.from(data);
    else {
      this.#state = 'body';
      return data.subarray(length);
    }
    return none;
  }

  /** Checks a member's CRC and length; RFC 1952, section 2.3.1. */
  #readTrailer(chunk: Buffer): Buffer {
    const data = this.#withHeld(chunk);
    if (data.length < trailerBytes) {
      this.#held = Buffer.from(data);
      return none;
    }
    const { crc, length } = this.#sums();
    if (data.readUInt32LE(0) !== crc) throw this.corrupt('its checksum is wrong');
    if (data.readUInt32LE(4) !== length % 2 ** 32) throw this.corrupt('its length is wrong');
    this.#members++;
    this.#state = 'header';
    return data.subarray(trailerBytes);
  }

  #withHeld(chunk: Buffer): Buffer {
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#held = none;
    return data;
  }
}
