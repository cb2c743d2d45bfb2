import { createHash } from 'node:crypto';
import { fsError } from '../../errors/fs-error.js';
import { close } from '../../system/close.js';
import { finishDigest } from '../digest.js';
import type { Digest } from '../types.js';
import { type Member, openTar, readFully } from './tar-members.js';

const pieceBytes = 1 << 20;

/** Returns the sha256 digest of a file in a tar; blocks while it reads the file. @throws LayerhookError LAYOUT_INVALID, SYSTEM */
export function digestMember(file: string, { offset, size }: Member): Digest {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  const fd = openTar(file, file);
  try {
    for (let at = 0; at < size; at += pieceBytes) {
      const part = piece.subarray(0, Math.min(pieceBytes, size - at));
      readFully(fd, part, offset + at);
      hash.update(part);
    }
    return finishDigest(hash, 'sha256');
  } catch (error) {
    throw fsError(error, `reading ${file}`);
  } finally {
    close(fd);
  }
}
