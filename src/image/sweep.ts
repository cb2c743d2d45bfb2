import { fsError } from '../errors/fs-error.js';
import type { ByteString } from '../system/bytes.js';
import { E, SystemError } from '../system/errno.js';
import { close, tryUnlinkat } from '../system/files.js';
import { namesIn } from '../system/named-directory.js';
import { StatBuffer, statAt } from '../system/stat.js';
import type { OnProgress } from '../system/work-progress.js';
import { isDigest } from './digest.js';
import { cleanSession, sessionPrefix } from './session.js';
import type { GarbageResult } from './storage/storage.js';
import { algorithms, LayoutFiles } from './writer-files.js';

/**
 * Removes unreachable blobs and the sessions of dead writers. It works by file descriptor and follows no symlink, so
 * nothing outside the layout is removed even while the layout's owner exchanges directories.
 *
 * @param path directory of the layout
 * @param reachable called first; returns the digests to keep
 * @param onSwept called after each blob that nothing leads to
 * @throws LayerhookError LAYOUT_INVALID if `blobs`, or a directory in it, is a symlink; SYSTEM; what `reachable` throws
 */
export function sweep(
  path: string,
  reachable: () => ReadonlySet<string>,
  onSwept?: OnProgress,
): GarbageResult {
  const files = new LayoutFiles(path);
  try {
    return sweepBlobs(files, reachable(), firstLivingSession(files), onSwept);
  } catch (error) {
    throw error instanceof SystemError ? fsError(error, `removing blobs of ${path}`) : error;
  } finally {
    files.close();
  }
}

/** Removes the sessions of dead writers. Returns the birth time (ns since the epoch) of the oldest living session. */
function firstLivingSession(files: LayoutFiles): bigint | undefined {
  let first: bigint | undefined;
  for (const name of namesIn(files.fd)) {
    if (!name.startsWith(sessionPrefix)) continue;
    const birth = cleanSession(files, name);
    if (birth !== undefined && (first === undefined || birth < first)) first = birth;
  }
  return first;
}

function sweepBlobs(
  files: LayoutFiles,
  reachable: ReadonlySet<string>,
  since: bigint | undefined,
  onSwept?: OnProgress,
): GarbageResult {
  const result: GarbageResult = { removed: [], bytes: 0, spared: [] };
  for (const algorithm of algorithms) {
    const fd = files.openBlobs(algorithm);
    if (fd === undefined) continue;
    try {
      const found = namesIn(fd);
      for (const [at, name] of found.entries()) {
        const digest = `${algorithm}:${name}` as const;
        if (!isDigest(digest) || reachable.has(digest)) continue;
        const size = removeOld(fd, name, since);
        if (size === 'spared') result.spared.push(digest);
        else if (size !== null) {
          result.removed.push(digest);
          result.bytes += size;
        }
        onSwept?.({ done: at + 1, total: found.length, bytes: result.bytes, entries: result.removed.length });
      }
    } finally {
      close(fd);
    }
  }
  return result;
}

/**
 * Removes a blob if it is older than every living session.
 *
 * @returns its size in bytes, `spared` if it was kept, or null if it is missing
 */
function removeOld(directory: number, name: ByteString, since: bigint | undefined): number | 'spared' | null {
  const stat = new StatBuffer();
  if (!statAt(directory, name, stat) || stat.isDirectory) return null;
  const changed = BigInt(stat.ctimeSec) * 1_000_000_000n + BigInt(stat.ctimeNsec);
  if (since !== undefined && changed >= since) return 'spared';
  const done = tryUnlinkat(directory, name);
  if (done === -E.ENOENT) return null;
  if (done < 0) throw new SystemError(-done, 'unlinkat', name);
  return stat.size;
}
