import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { Cksum } from './cksum.js';
import type { Steps } from './steps.js';
import { type Access, attempt } from './traverse.js';

/** Keywords that need the content of a file. */
export const contentKeywords = [
  'cksum',
  'md5digest',
  'ripemd160digest',
  'sha1digest',
  'sha256digest',
  'sha384digest',
  'sha512digest',
  'sha512256digest',
] as const;

export type ContentKeyword = (typeof contentKeywords)[number];

/**
 * Reads a regular file once and computes all digests.
 *
 * Does not follow a symbolic link or block on a FIFO that has replaced the file.
 *
 * @returns digests in hex (cksum in decimal), in the order of `keywords`
 * @throws MtreeError UNREADABLE
 */
export function* digestFile(
  path: string | Buffer,
  keywords: readonly ContentKeyword[],
  access?: Access,
): Steps<string[]> {
  const hashers = keywords.map((keyword) => hasherOf[keyword]());
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  const fd = attempt(path, () => openSync(path, flags), access);
  try {
    attempt(path, () => requireFile(fd));
    for (;;) {
      const length = attempt(path, () => read(fd));
      if (length === 0) break;
      const bytes = buffer!.subarray(0, length);
      for (const hasher of hashers) hasher.update(bytes);
      yield;
    }
  } finally {
    closeSync(fd);
  }
  return hashers.map((hasher) => hasher.digest('hex'));
}

function requireFile(fd: number): void {
  if (!fstatSync(fd).isFile()) throw new Error('no longer a regular file');
}

interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(encoding: 'hex'): string;
}

const hasherOf: Readonly<Record<ContentKeyword, () => Hasher>> = {
  cksum: () => new Cksum(),
  md5digest: () => createHash('md5'),
  ripemd160digest: () => createHash('ripemd160'),
  sha1digest: () => createHash('sha1'),
  sha256digest: () => createHash('sha256'),
  sha384digest: () => createHash('sha384'),
  sha512digest: () => createHash('sha512'),
  sha512256digest: () => createHash('sha512-256'),
};

/** Shared by all files: each piece is hashed before the next step. */
let buffer: Buffer | undefined;

function read(fd: number): number {
  buffer ??= Buffer.allocUnsafeSlow(1 << 18);
  return readSync(fd, buffer, 0, buffer.length, null);
}
