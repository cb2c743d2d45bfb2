import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { ancestors, baseName, parentOf } from '../../system/paths.js';
import type { FileType } from '../file-types.js';
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

const prefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

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
  const gone = new Set<ByteString>();
  const present = new Set<ByteString>();
  const opaque = new Set<ByteString>();
  const sockets = new Set<ByteString>();
  for (const change of changes) {
    const path = cleanPath(change.path);
    if (change.kind === 'delete') planDelete(path);
    else planEntry(path, change);
  }
  // stop at directories that are already known: a deep path has thousands of directories above it
  const above = new Set<ByteString>(['.']);
  for (const path of [...gone, ...present]) {
    for (let parent = parentOf(path); !above.has(parent); parent = parentOf(parent)) above.add(parent);
  }
  above.delete('.');
  for (const parent of above) present.add(parent);
  for (const path of present) refuseWhiteoutName(path);
  const whiteouts = [...gone].filter((path) => !ancestors(path).some((parent) => opaque.has(parent)));
  return {
    whiteouts: [...whiteouts.map(whiteoutName), ...[...opaque].map(opaqueName)].sort(),
    entries: sortPaths(present),
    sockets: sortPaths(sockets),
  };

  function planDelete(path: ByteString): void {
    if (path === '.')
      throw new LayerhookError('LAYER_PATH', { path: '/', reason: 'the rootfs itself cannot be deleted' });
    for (const step of [...ancestors(path), path]) {
      const type = lookup(step);
      if (type === null) {
        gone.add(step);
        return;
      }
      if (type === 'directory' && step !== path) continue;
      if (step === path) throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
      planEntry(step, { path: step, kind: 'modify' });
      return;
    }
  }

  function planEntry(path: ByteString, { kind, opaque: hidesLower }: Change): void {
    const type = lookup(path);
    if (type === null) throw notThere(path, lookup);
    if (type === 'socket') {
      sockets.add(path);
      if (kind !== 'add') gone.add(path);
      return;
    }
    present.add(path);
    if (hidesLower === true && type === 'directory') opaque.add(path);
  }
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
  return `${parent === '.' ? '' : `${parent}/`}${prefix}${baseName(path)}`;
}

/** Returns the name of the marker that hides everything that lower layers have in the directory `path`. */
export function opaqueName(path: ByteString): ByteString {
  return path === '.' ? opaqueMarker : `${path}/${opaqueMarker}`;
}

/** Refuses names of whiteouts: a file with such a name would delete another file when the layer is applied. */
export function refuseWhiteoutName(path: ByteString): void {
  if (!baseName(path).startsWith(prefix)) return;
  throw new LayerhookError('LAYER_PATH', {
    path: showBytes(path),
    reason: `names that begin with ${prefix} mean deletions in a layer`,
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
