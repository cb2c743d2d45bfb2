import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import type { Change, EntryType } from '../types.js';
import { ancestors, baseName, cleanPath, parentPath } from './paths.js';

/** What a rootfs has at a path, without following links; null: nothing, or something above it is no directory. */
export type Lookup = (path: ByteString) => Exclude<EntryType, 'hardlink'> | 'socket' | null;

/** What a diff layer consists of. Both lists are sorted bytewise; paths are relative to the rootfs. */
export interface LayerPlan {
  /** names of whiteouts and opaque markers, as in the tar */
  whiteouts: ByteString[];
  /** paths that get an entry; `.` is the rootfs itself */
  entries: ByteString[];
  /** sockets, which no tar can hold */
  sockets: ByteString[];
}

const prefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

/**
 * Settles what a diff layer must hold so that applying it gives `changes`; image-spec layer.md, "Whiteouts".
 *
 * - a whiteout stands for the highest path that is gone, and there is none below what is no longer a directory:
 *   that is one entry, which replaces the directory with all that was in it
 * - directories above a changed path are entries too, as docker has it: a reader that applies the layer by itself
 *   learns their owner and mode
 * - a socket that replaces something becomes a whiteout, since no tar can hold it
 *
 * @throws LayerhookError FILE_CHANGED if the rootfs is no longer as `changes` says; LAYER_PATH for names a layer cannot have
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
  // up to where another path has been: a deep path has thousands of directories above it
  const above = new Set<ByteString>(['.']);
  for (const path of [...gone, ...present]) {
    for (let parent = parentPath(path); !above.has(parent); parent = parentPath(parent)) above.add(parent);
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
      throw new LayerhookError('LAYER_PATH', { path: '/', reason: 'the rootfs itself is gone' });
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

/** Sorted bytewise, the rootfs itself first. */
export function sortPaths(paths: Iterable<ByteString>): ByteString[] {
  const sorted = [...paths].sort();
  const root = sorted.indexOf('.');
  if (root > 0) sorted.unshift(...sorted.splice(root, 1));
  return sorted;
}

/** The name of the whiteout that hides `path`. */
export function whiteoutName(path: ByteString): ByteString {
  refuseWhiteoutName(path);
  const parent = parentPath(path);
  return `${parent === '.' ? '' : `${parent}/`}${prefix}${baseName(path)}`;
}

/** The name of the marker that hides all that lower layers have in the directory `path`. */
export function opaqueName(path: ByteString): ByteString {
  return path === '.' ? opaqueMarker : `${path}/${opaqueMarker}`;
}

/** A file of such a name would delete another one when the layer is applied. */
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
