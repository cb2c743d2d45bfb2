import { counted } from '../errors/counted.js';
import { type Limits, limitOf, overLimit } from '../errors/index.js';
import { BadTar } from './bad.js';
import { blockBytes } from './blocks.js';
import { padding } from './content.js';
import { entryName, entryType, storedSize } from './entry.js';
import { emptyPrelude, extended, isExtended, untilNul } from './extended.js';
import { checksumMatches, readHeader, sumBlock, type TarHeader } from './header.js';
import { parsePax } from './pax.js';
import { mapContinues, oldSparseFlag } from './sparse.js';

/** What a scan needs next: bytes to look at, or bytes to skip. */
interface Need {
  bytes: number;
  skip?: boolean;
}

type Scan<T = void> = Generator<Need, T, Buffer>;

/**
 * Finds the end of a tar while the bytes pass in chunks of any size. A tar ends with two blocks of zeros: pax(1), "ustar
 * Interchange Format". So a source without an end, such as a device, is recognized before it fills the disk.
 */
export class TarTail {
  readonly #scan: Scan;
  #need: Need | null;
  #left: number;
  #parts: Buffer[] = [];

  /** bytes of the stream after the end of the tar */
  bytes = 0;

  /** @param name of the tar, for errors */
  constructor(name: string, limits?: Limits) {
    this.#scan = scan(name, limits);
    this.#need = this.#scan.next().value ?? null;
    this.#left = this.#need?.bytes ?? 0;
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @throws BadTar if a header is malformed
   * @throws LayerhookError LIMIT_EXCEEDED if an extended header is too large
   */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#need !== null) {
      const part = chunk.subarray(at, at + this.#left);
      at += part.length;
      this.#left -= part.length;
      if (!this.#need.skip) this.#parts.push(part);
      if (this.#left === 0) this.#advance();
    }
    this.bytes += chunk.length - at;
  }

  #advance(): void {
    const next = this.#scan.next(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#need = next.done ? null : next.value;
    this.#left = this.#need?.bytes ?? 0;
  }
}

/** Reads headers and skips content until the end of the tar. It reads sizes as the TarReader does. */
function* scan(name: string, limits: Limits | undefined): Scan {
  let prelude = emptyPrelude();
  for (let header = yield* readNext(); header !== null; header = yield* readNext()) {
    const { typeflag } = header;
    if (isExtended(typeflag)) {
      const content = yield* readExtended(header, name, limits);
      if (typeflag === extended.pax) prelude.pax = parsePax(content);
      if (typeflag === extended.longName) prelude.longName = untilNul(content);
      continue;
    }
    const type = entryType(typeflag, entryName(header, prelude)) ?? 'file';
    const stored = storedSize(header, type, prelude);
    if (stored > 0) yield { bytes: stored + padding(stored), skip: true };
    prelude = emptyPrelude();
  }
}

/** Reads the next header, and the rest of an old sparse map. @returns null at the end of the tar */
function* readNext(): Scan<TarHeader | null> {
  let block = yield { bytes: blockBytes };
  const sum = sumBlock(block, 0);
  if (sum === 0) {
    const second = yield { bytes: blockBytes };
    if (sumBlock(second, 0) !== 0) throw new BadTar('a lone block of zeros between entries');
    return null;
  }
  if (!checksumMatches(block, 0, sum)) throw new BadTar('a header has a wrong checksum');
  const header = readHeader(block, 0);
  for (let isFirst = true; header.typeflag === oldSparseFlag && mapContinues(block, isFirst); isFirst = false)
    block = yield { bytes: blockBytes };
  return header;
}

function* readExtended({ size }: TarHeader, name: string, limits: Limits | undefined): Scan<Buffer> {
  if (!Number.isSafeInteger(size) || size < 0) throw new BadTar('an extended header has no valid size');
  if (size > limitOf(limits, 'header-size'))
    throw overLimit('header-size', `extended header of ${name} (${counted(size, 'bytes')})`, limits);
  if (size === 0) return Buffer.alloc(0);
  const content = yield { bytes: size + padding(size) };
  return content.subarray(0, size);
}
