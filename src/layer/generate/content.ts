import { readSync } from 'node:fs';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { StatBuffer, statFd } from '../../system/stat.js';
import { copyStat, statWords } from '../walk/index.js';

const chunkSize = 256 * 1024;

/**
 * Yields the content of an open file, up to the size in `stat`.
 *
 * @param stat of the file, taken after it was opened; copied before the first bytes are read
 * @throws LayerhookError FILE_CHANGED, at its end, if the file has changed since `stat`
 */
export function* readContent(fd: number, path: ByteString, stat: StatBuffer): Generator<Buffer> {
  const before = rowOf(stat);
  for (let left = stat.size; left > 0; ) {
    const chunk = Buffer.allocUnsafe(Math.min(left, chunkSize));
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) break;
    left -= count;
    yield chunk.subarray(0, count);
  }
  const now = new StatBuffer();
  statFd(fd, now, path);
  const after = rowOf(now);
  if (before.some((word, i) => word !== after[i])) {
    throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
  }
}

/** Returns the fields of `stat` that describe a file, in the order of {@link statWord}. */
export function rowOf(stat: StatBuffer): Uint32Array {
  const row = new Uint32Array(statWords);
  copyStat(stat, row, 0);
  return row;
}
