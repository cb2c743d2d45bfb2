import { openSync, readSync } from 'node:fs';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, showBytes, toBuffer } from '../system/bytes.js';
import { close } from '../system/close.js';
import { isProgram } from '../system/programs.js';

/** Directories to search after those of PATH: an engine may leave PATH empty. */
const standardPlaces = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A text in the launcher of layerhook-runtime. */
const launcherMark = 'LAYERHOOK_STARTED';

/**
 * Returns the path of the first candidate that exists. A name is searched on PATH and in the standard directories; a
 * path is used directly. layerhook-runtime itself is skipped under any name, since it would call itself forever.
 *
 * @throws LayerhookError RUNTIME_NOT_FOUND
 */
export function findRuntime(candidates: readonly ByteString[], path: ByteString | undefined): ByteString {
  const reasons: string[] = [];
  for (const candidate of candidates) {
    const found = lookUp(candidate, path);
    if ('program' in found) return found.program;
    reasons.push(found.reason);
  }
  throw new LayerhookError('RUNTIME_NOT_FOUND', {
    reason: reasons.join(', ') || 'the list of runtimes is empty',
  });
}

/** Returns the program of a candidate, or in words why it has none. */
export function lookUp(
  candidate: ByteString,
  path: ByteString | undefined,
): { program: ByteString } | { reason: string; isItself: boolean } {
  const places = candidate.includes('/') ? [candidate] : onPath(candidate, path ?? '');
  const programs = places.filter((place) => isProgram(toBuffer(place)));
  const program = programs.find((place) => !isLauncher(place));
  if (program !== undefined) return { program };
  const isItself = programs.length > 0;
  return { reason: `${showBytes(candidate)} ${explain(candidate, isItself)}`, isItself };
}

function explain(candidate: ByteString, isOurs: boolean): string {
  if (isOurs) return 'is layerhook-runtime itself';
  return candidate.includes('/') ? 'is not an executable file' : 'is not on PATH';
}

function onPath(name: ByteString, path: ByteString): ByteString[] {
  const directories = new Set(`${path}:${standardPlaces}`.split(':').filter((each) => each.startsWith('/')));
  return [...directories].map((directory) => `${directory.replace(/\/+$/, '')}/${name}`);
}

/** True if a file is a launcher of layerhook-runtime. */
export function isLauncher(place: ByteString): boolean {
  const head = Buffer.alloc(4096);
  try {
    const fd = openSync(toBuffer(place), 'r');
    try {
      const length = readSync(fd, head);
      return head.toString('latin1', 0, 2) === '#!' && head.includes(launcherMark) && length > 0;
    } finally {
      close(fd);
    }
  } catch {
    return false;
  }
}
