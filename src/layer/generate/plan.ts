import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { pathMax } from '../../system/path-limits.js';
import { ancestors, baseName, parentOf } from '../../system/paths.js';
import type { FileType } from '../file-types.js';
import { opaqueName as opaqueMarker, whiteoutPrefix } from '../overlay-marks.js';
import type { Change } from '../types.js';
import { cleanPath } from './paths.js';

/** Returns the type of the file at a path, without following links; null if the file or a directory above it is missing. */
export type Lookup = (path: ByteString) => FileType | 'socket' | null;

/** The content of a diff layer. The lists are sorted bytewise; paths are relative to the rootfs. */
export interface LayerPlan {
  /** names in the tar of whiteouts and opaque markers */
  whiteouts: ByteString[];
  /** paths that get an entry; `.` is the rootfs itself */
  entries: ByteString[];
  /** paths of sockets, which a tar cannot hold */
  sockets: ByteString[];
  /** identities of files whose hard links may have different inodes in the rootfs, by path */
  files?: ReadonlyMap<ByteString, string>;
}

/**
 * Decides what a diff layer must hold so that applying it makes `changes`; image-spec layer.md, "Whiteouts".
 *
 * - Only the highest deleted path gets a whiteout. Paths below a former directory get no whiteouts: the entry of the file
 *   that replaced the directory is enough.
 * - Directories above a changed path get entries too, as in docker: a program that extracts the layer on its own needs
 *   their owner and mode.
 * - A socket that replaces another file becomes a whiteout, because a tar cannot hold it.
 *
 * @throws LayerhookError FILE_CHANGED if the rootfs no longer matches `changes`; LAYER_PATH for names a layer cannot have
 */
export function planLayer(changes: Iterable<Change>, lookup: Lookup): LayerPlan {
  const planner = new Planner(lookup);
  for (const change of changes) {
    const path = cleanPath(change.path);
    if (change.kind === 'delete') planner.delete(path);
    else planner.add(path, change);
  }
  return planner.finish();
}

class Planner {
  readonly #lookup: Lookup;
  /** paths that get a whiteout */
  readonly #gone = new Set<ByteString>();
  /** paths that get an entry */
  readonly #present = new Set<ByteString>();
  readonly #opaque = new Set<ByteString>();
  readonly #sockets = new Set<ByteString>();

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  delete(path: ByteString): void {
    if (path === '.')
      throw new LayerhookError('LAYER_PATH', { path: '/', reason: 'the rootfs itself cannot be deleted' });
    for (const step of [...ancestors(path), path]) {
      const type = this.#lookup(step);
      if (type === null) {
        this.#gone.add(step);
        return;
      }
      if (type === 'directory' && step !== path) continue;
      if (step === path) throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
      this.add(step, { path: step, kind: 'modify' });
      return;
    }
  }

  /** Plans an added or modified file. */
  add(path: ByteString, { kind, opaque }: Change): void {
    const type = this.#lookup(path);
    if (type === null) throw notThere(path, this.#lookup);
    if (type === 'socket') {
      this.#sockets.add(path);
      if (kind !== 'add') this.#gone.add(path);
      return;
    }
    this.#present.add(path);
    if (opaque === true && type === 'directory') this.#opaque.add(path);
  }

  finish(): LayerPlan {
    for (const parent of directoriesAbove([...this.#gone, ...this.#present])) this.#present.add(parent);
    for (const path of this.#present) {
      refuseWhiteoutName(path);
      requireShort(path);
    }
    const isHidden = (path: ByteString) => ancestors(path).some((parent) => this.#opaque.has(parent));
    const whiteouts = [...this.#gone].filter((path) => !isHidden(path)).map(whiteoutName);
    return {
      whiteouts: [...whiteouts, ...[...this.#opaque].map(opaqueName)].sort(),
      entries: sortPaths(this.#present),
      sockets: sortPaths(this.#sockets),
    };
  }
}

/** Returns the directories above paths, without the rootfs itself. */
function directoriesAbove(paths: ByteString[]): Set<ByteString> {
  const above = new Set<ByteString>(['.']);
  // stop at directories that are already known: a deep path has thousands of directories above it
  for (const path of paths) {
    for (let parent = parentOf(path); !above.has(parent); parent = parentOf(parent)) above.add(parent);
  }
  above.delete('.');
  return above;
}

/** Sorts paths bytewise, the rootfs itself first. */
export function sortPaths(paths: Iterable<ByteString>): ByteString[] {
  const sorted = [...paths].sort();
  const root = sorted.indexOf('.');
  if (root > 0) sorted.unshift(...sorted.splice(root, 1));
  return sorted;
}

/** Returns the name of the whiteout that hides `path`. */
export function whiteoutName(path: ByteString): ByteString {
  refuseWhiteoutName(path);
  const parent = parentOf(path);
  return `${parent === '.' ? '' : `${parent}/`}${whiteoutPrefix}${baseName(path)}`;
}

/** Returns the name of the marker that hides everything that lower layers have in the directory `path`. */
export function opaqueName(path: ByteString): ByteString {
  return path === '.' ? opaqueMarker : `${path}/${opaqueMarker}`;
}

/** Refuses names of whiteouts: a file with such a name would delete another file when the layer is applied. */
export function refuseWhiteoutName(path: ByteString): void {
  if (!baseName(path).startsWith(whiteoutPrefix)) return;
  throw new LayerhookError('LAYER_PATH', {
    path: showBytes(path),
    reason: `names that begin with ${whiteoutPrefix} mean deletions in a layer`,
  });
}

/** number of bytes of a long path that an error shows */
const shownBytes = 100;

/** Refuses a path that no program could extract. A container makes longer ones with mkdir and chdir. */
export function requireShort(path: ByteString): void {
  if (path.length < pathMax) return;
  throw new LayerhookError('LAYER_PATH', {
    path: `${showBytes(path.slice(0, shownBytes))}…`,
    reason: `its path is longer than ${pathMax - 1} bytes`,
  });
}

function notThere(path: ByteString, lookup: Lookup): LayerhookError {
  const blocking = ancestors(path).find((parent) => !['directory', null].includes(lookup(parent)));
  if (blocking === undefined) return new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
  return new LayerhookError('LAYER_PATH', {
    path: showBytes(path),
    reason: `${showBytes(blocking)} above it is a ${lookup(blocking)}, not a directory`,
  });
}
