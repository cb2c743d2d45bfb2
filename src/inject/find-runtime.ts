import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, showBytes, toBuffer } from '../system/bytes.js';

/** Where to look behind PATH, which an engine may have set to nothing. */
const standardPlaces = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What stands in the launcher of layerhook-runtime. */
const launcherMark = 'LAYERHOOK_STARTED';

/**
 * The first of the candidates that is there: a name is looked for on PATH and in the usual places, a path is taken
 * as it is. Never layerhook-runtime itself, under whatever name.
 *
 * @throws LayerhookError RUNTIME_NOT_FOUND
 */
export function findRuntime(candidates: readonly ByteString[], path: ByteString | undefined): ByteString {
  const reasons: string[] = [];
  for (const candidate of candidates) {
    const places = candidate.includes('/') ? [candidate] : onPath(candidate, path ?? '');
    const programs = places.filter(isProgram);
    const found = programs.find((place) => !isLauncher(place));
    if (found !== undefined) return found;
    reasons.push(`${showBytes(candidate)} ${explain(candidate, programs.length > 0)}`);
  }
  throw new LayerhookError('RUNTIME_NOT_FOUND', { reason: reasons.join(', ') || 'none is named' });
}

function explain(candidate: ByteString, isOurs: boolean): string {
  if (isOurs) return 'is layerhook-runtime itself';
  return candidate.includes('/') ? 'is no program' : 'is not on PATH';
}

function onPath(name: ByteString, path: ByteString): ByteString[] {
  const directories = new Set(`${path}:${standardPlaces}`.split(':').filter((each) => each.startsWith('/')));
  return [...directories].map((directory) => `${directory.replace(/\/+$/, '')}/${name}`);
}

function isProgram(place: ByteString): boolean {
  try {
    const file = toBuffer(place);
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function isLauncher(place: ByteString): boolean {
  const head = Buffer.alloc(4096);
  try {
    const fd = openSync(toBuffer(place), 'r');
    try {
      const length = readSync(fd, head);
      return head.toString('latin1', 0, 2) === '#!' && head.includes(launcherMark) && length > 0;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}
