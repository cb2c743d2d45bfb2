import { resolve } from 'node:path';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { parseImageReference } from '../../image/references.js';
import { fromText, showBytes } from '../../system/bytes.js';
import { filesystemOf } from '../../system/filesystem.js';
import { nearestDirectory } from '../../system/make-directory.js';
import { readMountInfo } from '../../system/mountinfo.js';
import { formatBytes } from '../../terminal/quantities.js';

/**
 * Names the file system that is full.
 *
 * @param error what the command threw
 * @param places paths that the command writes below, for an error without an absolute path
 * @returns NO_SPACE with the mount point and size of the file system, else `error`
 */
export function explainSpace(error: unknown, places: readonly string[]): unknown {
  if (!isLayerhookError(error, 'NO_SPACE')) return error;
  const what = String(error.details.path);
  const [, absolute] = /(?:^|\s)(\/[^\s:;,]*)/.exec(what) ?? [];
  const path = absolute ?? placeIn(what, places) ?? places[0];
  if (path === undefined) return error;
  try {
    return new LayerhookError('NO_SPACE', { path: `${what}, on ${describe(path)}` }, error.cause);
  } catch {
    // without /proc, the message names the path alone
    return error;
  }
}

/** Returns the longest of the places, without a tag, that a message names: of several places, only some are written to. */
function placeIn(message: string, places: readonly string[]): string | undefined {
  const paths = places.flatMap((place) => [place, ...place.split(/[:@]/)]).filter((path) => path !== '');
  const ends = /^($|[/\s:;,])/;
  const isNamed = (path: string) =>
    ` ${message}`.split(` ${path}`).some((rest, at) => at > 0 && ends.test(rest));
  return paths.filter(isNamed).sort((a, b) => b.length - a.length)[0];
}

function describe(path: string): string {
  const directory = nearestDirectory(resolve(path));
  const { size } = filesystemOf(fromText(directory));
  const above = (mount: string) => mount === '/' || directory === mount || directory.startsWith(`${mount}/`);
  const mounts = readMountInfo().map(({ mountPoint, type }) => ({ mountPoint: showBytes(mountPoint), type }));
  // of several mounts at one place the newest is visible, and the longest path is the nearest mount
  const nearest = mounts
    .filter(({ mountPoint }) => above(mountPoint))
    .reduce((best, each) => (each.mountPoint.length >= best.mountPoint.length ? each : best));
  return `the file system ${nearest.mountPoint} (${nearest.type}, ${formatBytes(size)})`;
}

/** Returns the paths that a command line names: the layout, the store, and the operands. */
export function namedPlaces(args: readonly string[], { store, image }: Record<string, unknown>): string[] {
  const layout = typeof image === 'string' ? [parseImageReference(image).path] : [];
  return [...args, ...(typeof store === 'string' ? [store] : []), ...layout];
}
