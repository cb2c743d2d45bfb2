import { readlinkSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { errorCode } from '../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { fromText, showBytes } from '../system/bytes.js';
import { filesystemOf } from '../system/filesystem.js';
import { readMountInfo } from '../system/mountinfo.js';
import { formatCounted } from '../text/counted.js';
import { formatBytes } from './quantities.js';

/** Before the path of a layout. */
const transport = /\b(?:oci|oci-archive|docker-archive):(?=.)/g;

/**
 * Names the file system that is full.
 *
 * @param error what a command threw
 * @param places paths that the command writes below, for an error without an absolute path
 * @returns NO_SPACE with the mount point and size of the file system, and what is used up: space, inodes or a quota; else `error`
 */
export function explainSpace(error: unknown, places: readonly string[] = []): unknown {
  if (!isLayerhookError(error, 'NO_SPACE')) return error;
  const what = String(error.details.path);
  const path = pathIn(what.replace(transport, ''), places);
  if (path === undefined) return error;
  try {
    return new LayerhookError('NO_SPACE', { path: `${what}, on ${describe(path, error)}` }, error.cause);
  } catch {
    // without /proc, the message names the path alone
    return error;
  }
}

function pathIn(what: string, places: readonly string[]): string | undefined {
  if (/\bstandard output$/.test(what)) return readlinkSync('/proc/self/fd/1');
  const [, absolute] = /(?:^|\s)(\/[^\s:;,]*)/.exec(what) ?? [];
  // a place may have spaces and commas, where the absolute path seems to end
  const known = [...(absolute === undefined ? [] : [absolute]), ...placesIn(what, places)];
  return known.sort((a, b) => b.length - a.length)[0] ?? places[0];
}

/** Returns the places, without a tag, that a message names: of several places, only some are written to. */
function placesIn(message: string, places: readonly string[]): string[] {
  const words = places.map((place) => place.replace(transport, ''));
  const paths = words.flatMap((word) => [word, ...word.split(/[:@]/)]).filter((path) => path !== '');
  const ends = /^($|[/\s:;,])/;
  return paths.filter((path) =>
    ` ${message}`.split(` ${path}`).some((rest, at) => at > 0 && ends.test(rest)),
  );
}

function describe(path: string, error: LayerhookError): string {
  const directory = nearest(resolve(path));
  const above = (mount: string) => mount === '/' || directory === mount || directory.startsWith(`${mount}/`);
  const mounts = readMountInfo().map(({ mountPoint, type }) => ({ mountPoint: showBytes(mountPoint), type }));
  // of several mounts at one place the newest is visible, and the longest path is the nearest mount
  const { mountPoint, type } = mounts
    .filter(({ mountPoint }) => above(mountPoint))
    .reduce((best, each) => (each.mountPoint.length >= best.mountPoint.length ? each : best));
  return `the file system ${mountPoint} (${[type, ...usedUp(directory, error)].join(', ')})`;
}

/** Returns the size of a file system, and what is used up if it is not the space. */
function usedUp(directory: string, error: LayerhookError): string[] {
  const { size, inodes, freeInodes } = filesystemOf(fromText(directory));
  const all = formatBytes(size);
  // partial results were removed, so that free space says nothing
  if (errorCode(error.cause) === 'EDQUOT') return [all, 'a quota is exceeded'];
  return inodes > 0 && freeInodes === 0 ? [all, `all ${formatCounted(inodes, 'inodes')} are used`] : [all];
}

/** Returns the real path of the nearest thing that exists. */
function nearest(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (dirname(path) === path) throw error;
    return nearest(dirname(path));
  }
}
