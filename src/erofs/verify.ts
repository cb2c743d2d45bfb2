import { createHash, type Hash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import { fsError } from '../errors/fs-error.js';
import { fromText } from '../system/bytes.js';
import { AT_FDCWD, close, nextData, nextHole, O, openat } from '../system/files.js';
import type { Steps } from '../system/steps.js';
import { tarAt } from './format.js';

const pieceBytes = 1 << 20;

/**
 * Opens an image for the functions below.
 *
 * @throws LayerhookError SYSTEM; what `use` throws
 */
export async function withImage<T>(image: string, use: (fd: number) => Promise<T>): Promise<T> {
  try {
    const fd = openat(AT_FDCWD, fromText(image), O.RDONLY | O.NOFOLLOW);
    try {
      return await use(fd);
    } finally {
      close(fd);
    }
  } catch (error) {
    throw fsError(error, `reading ${image}`);
  }
}

/**
 * Returns the digest of an image's tar: the diffID of the layer.
 *
 * @param fd of the image
 * @param onRead called with the number of bytes of each piece
 */
export function* tarDigest(fd: number, tarBytes: number, onRead?: (bytes: number) => void): Steps<string> {
  const hash = createHash('sha256');
  yield* eachPiece(fd, tarAt, tarBytes, (piece) => {
    hash.update(piece);
    onRead?.(piece.length);
  });
  return `sha256:${hash.digest('hex')}`;
}

/** Reads the tar of an image, bit for bit. @param fd of the image @returns pieces, each valid until the next is taken */
export function readTar(fd: number, tarBytes: number): Generator<Buffer> {
  return piecesOf(fd, tarAt, tarBytes);
}

/** Returns a digest of everything in an image but the tar: superblock, metadata and copied data. Holes are not read. */
export function* metadataDigest(
  fd: number,
  tarBytes: number,
  onRead?: (bytes: number) => void,
): Steps<string> {
  const hash = createHash('sha256');
  yield* eachPiece(fd, 0, tarAt, (piece) => hash.update(piece));
  const { size } = fstatSync(fd);
  // a tar may end inside a block
  const start = Math.floor((tarAt + tarBytes) / block) * block;
  for (let at = nextData(fd, start); at !== null && at < size; at = nextData(fd, at)) {
    const end = Math.min(nextHole(fd, at), size);
    yield* eachPiece(fd, at, end - at, (piece, from) => {
      hashBlocks(hash, piece, from);
      onRead?.(piece.length);
    });
    at = end;
  }
  return `sha256:${hash.digest('hex')}`;
}

const block = 512;
const zeros = Buffer.alloc(block);

/** Hashes the blocks that are not zero, with their places: a filesystem may store zeros as holes, or the reverse. */
function hashBlocks(hash: Hash, piece: Buffer, from: number): void {
  const place = Buffer.alloc(8);
  for (let at = 0; at < piece.length; at += block) {
    const bytes = piece.subarray(at, at + block);
    if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
    place.writeDoubleLE(from + at);
    hash.update(place).update(bytes);
  }
}

function* eachPiece(
  fd: number,
  at: number,
  length: number,
  visit: (piece: Buffer, at: number) => void,
): Steps<void> {
  let done = 0;
  for (const piece of piecesOf(fd, at, length)) {
    visit(piece, at + done);
    done += piece.length;
    yield;
  }
}

function* piecesOf(fd: number, at: number, length: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(length, pieceBytes));
  for (let done = 0; done < length; ) {
    const wanted = Math.min(length - done, buffer.length);
    const count = readSync(fd, buffer, 0, wanted, at + done);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    done += count;
  }
}
