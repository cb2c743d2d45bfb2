import { createHash } from 'node:crypto';
import { constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { close } from '../system/close.js';
import { closeOnError } from '../system/close-on-error.js';
import { digestOf, finishDigest, parseDigest } from './digest.js';
import { requireSize } from './layout-files.js';
import type { BlobPlace } from './storage/storage.js';
import type { Descriptor } from './types.js';

/**
 * Reads and verifies a small blob.
 *
 * @param place place of the blob; not opened if the descriptor embeds the blob (`data`)
 * @param layout path of the layout, for errors
 * @param maxBytes larger blobs are refused before reading
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, LIMIT_EXCEEDED, SYSTEM
 */
export function readVerified(
  place: BlobPlace,
  descriptor: Descriptor,
  layout: string,
  maxBytes: number,
): Buffer {
  requireSize(`blob ${descriptor.digest}`, descriptor.size, maxBytes);
  const bytes = embedded(descriptor, place) ?? readFile(place, descriptor, layout);
  const actual = digestOf(bytes, parseDigest(descriptor.digest).algorithm);
  if (actual !== descriptor.digest) throw corrupt(descriptor, layout, actual);
  return bytes;
}

/**
 * Opens a blob as a stream that fails at its end if digest or size are wrong. Do not trust the bytes before the
 * stream has ended. It never gives more than `size` bytes.
 *
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, SYSTEM; the stream fails with BLOB_DIGEST, BLOB_SIZE, SYSTEM
 */
export function openVerified(place: BlobPlace, descriptor: Descriptor, layout: string): Readable {
  const { algorithm } = parseDigest(descriptor.digest);
  const hash = createHash(algorithm);
  const data = embedded(descriptor, place);
  const source =
    data === undefined ? openFile(place, descriptor, layout) : Readable.from([data], { objectMode: false });
  let size = 0;
  const verifier = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      const actual = finishDigest(hash, algorithm);
      if (size !== descriptor.size) done(wrongSize(descriptor, size));
      else done(actual === descriptor.digest ? null : corrupt(descriptor, layout, actual));
    },
  });
  source.on('error', (error) => verifier.destroy(fsError(error, `reading ${place.path}`)));
  verifier.on('close', () => source.destroy());
  return source.pipe(verifier);
}

/**
 * Returns a blob that has no file, its digest unchecked: the descriptor embeds it (image-spec descriptor.md, "Embedded
 * Content"), or the layout has it in memory.
 */
function embedded(descriptor: Descriptor, place: BlobPlace): Buffer | undefined {
  const data =
    typeof descriptor.data === 'string'
      ? Buffer.from(descriptor.data, 'base64')
      : place.data && Buffer.from(place.data);
  if (data === undefined) return undefined;
  if (data.length !== descriptor.size) throw wrongSize(descriptor, data.length);
  return data;
}

function readFile(place: BlobPlace, descriptor: Descriptor, layout: string): Buffer {
  const { fd, offset } = openBlobFile(place, descriptor, layout);
  try {
    const bytes = Buffer.allocUnsafe(descriptor.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(fd, bytes, length, bytes.length - length, offset + length);
      if (count === 0) throw wrongSize(descriptor, length);
      length += count;
    }
    return bytes;
  } catch (error) {
    throw fsError(error, `reading ${place.path}`);
  } finally {
    close(fd);
  }
}

function openFile(place: BlobPlace, descriptor: Descriptor, layout: string): Readable {
  const { fd, offset } = openBlobFile(place, descriptor, layout);
  if (descriptor.size === 0) {
    close(fd);
    return Readable.from([], { objectMode: false });
  }
  const end = offset + descriptor.size - 1;
  return createReadStream('', { fd, start: offset, end, highWaterMark: 1 << 20 });
}

/**
 * Opens a blob for reading and checks its size. A FIFO or device in its place does not block, and nothing is read from it.
 *
 * @param layout path of the layout, for errors
 * @returns the descriptor of the file, and the offset of the blob in it, in bytes
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, LAYOUT_INVALID, SYSTEM
 */
export function openBlobFile(
  { path, range }: BlobPlace,
  descriptor: Pick<Descriptor, 'digest' | 'size'>,
  layout: string,
): { fd: number; offset: number } {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return closeOnError(fd, () => {
      const stat = fstatSync(fd);
      if (!stat.isFile()) {
        const reason = `blob ${descriptor.digest} is not a regular file`;
        throw new LayerhookError('LAYOUT_INVALID', { path: layout, reason });
      }
      const size = range?.size ?? stat.size;
      if (size !== descriptor.size) throw wrongSize(descriptor, size);
      return { fd, offset: range?.offset ?? 0 };
    });
  } catch (error) {
    // ENOTDIR: the place of a blob that an archive lacks
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) {
      throw new LayerhookError('BLOB_NOT_FOUND', { digest: descriptor.digest, path: layout }, error);
    }
    throw fsError(error, `opening ${path}`);
  }
}

function wrongSize(descriptor: Pick<Descriptor, 'digest' | 'size'>, actual: number): LayerhookError {
  return new LayerhookError('BLOB_SIZE', { digest: descriptor.digest, actual, expected: descriptor.size });
}

function corrupt(descriptor: Descriptor, layout: string, actual: string): LayerhookError {
  return new LayerhookError('BLOB_DIGEST', { digest: descriptor.digest, path: layout, actual });
}
