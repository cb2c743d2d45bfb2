import { realpathSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { LayerhookError, type Logger } from 'layerhook';
import {
  findMount,
  fromText,
  overlayDirsOf,
  splitLowerdirs,
  toText,
  unescapeOverlayPath,
} from 'layerhook/system';
import type { Container, SpecMount } from './container.js';
import { fuseOptions } from './fuse.js';

/** The directories of an overlay. */
export interface Overlay {
  upperdir: string;
  /** highest first; empty if unknown */
  lowerdirs: string[];
  /** the overlayfs that wrote the upperdir */
  overlay: 'trusted' | 'user' | 'fuse';
}

/**
 * Finds the overlay that was mounted at `mountPoint` in the container: among the present mounts, then in the options of
 * config.json, then among the processes that serve FUSE mounts. `/` is the rootfs.
 *
 * @throws LayerhookError ARCHIVE_UPPERDIR
 */
export function findOverlay(
  mountPoint: string,
  container: Container,
  { mountProgram, log }: { mountProgram: string; log: Logger },
): Overlay {
  const mount = findSpecMount(mountPoint, container);
  if (mount === undefined) throw notFound(mountPoint, `container ${container.id} has no mount there`);
  const { source, type, options } = mount;
  const path = isAbsolute(source) ? source : join(container.bundle, source);
  const found =
    fromMounts(path) ??
    fromOptions(options, 'kernel') ??
    fromOptions(fuseOptions(path, mountProgram) ?? [], 'fuse');
  if (found === null) {
    const reason = `its mount of type ${type} with source ${source} is neither a writable overlay nor a mount served by ${mountProgram}`;
    throw notFound(mountPoint, reason);
  }
  log.debug(`Upperdir of ${mountPoint} is ${found.upperdir}`, { ...found });
  return found;
}

/** Returns the visible mount: later mounts hide earlier ones. */
function findSpecMount(mountPoint: string, { mounts, rootfs }: Container): SpecMount | undefined {
  const wanted = clean(mountPoint);
  const found = mounts.findLast(({ destination }) => clean(destination) === wanted);
  if (found !== undefined || wanted !== '/' || rootfs === '') return found;
  return { destination: '/', type: 'rootfs', source: rootfs, options: [] };
}

function fromMounts(path: string): Overlay | null {
  let mounted: ReturnType<typeof findMount>;
  try {
    mounted = findMount(fromText(realpathSync(path)));
  } catch {
    return null;
  }
  if (mounted?.type !== 'overlay') return null;
  const { upperdir, lowerdirs } = overlayDirsOf(mounted);
  const user = mounted.superOptions.some(([name]) => name === 'userxattr');
  return overlayOf(upperdir, lowerdirs, user ? 'user' : 'trusted');
}

function fromOptions(options: readonly string[], by: 'kernel' | 'fuse'): Overlay | null {
  const value = (name: string) =>
    options.findLast((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const upperdir = value('upperdir');
  if (upperdir === undefined) return null;
  const kernel = options.includes('userxattr') ? 'user' : 'trusted';
  const lowerdirs = splitLowerdirs(fromText(value('lowerdir') ?? ''));
  return overlayOf(unescapeOverlayPath(fromText(upperdir)), lowerdirs, by === 'fuse' ? 'fuse' : kernel);
}

/** Relative paths are unknown: they depend on the working directory of the process that made the mount. */
function overlayOf(
  upperdir: string | undefined,
  lowerdirs: string[],
  overlay: Overlay['overlay'],
): Overlay | null {
  const upper = upperdir === undefined ? undefined : toText(upperdir);
  if (upper === undefined || !isAbsolute(upper)) return null;
  const lower = lowerdirs.map((path) => toText(path) ?? '');
  return { upperdir: upper, lowerdirs: lower.every(isAbsolute) ? lower : [], overlay };
}

function clean(path: string): string {
  const normal = normalize(`/${path}`);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function notFound(mountPoint: string, reason: string): LayerhookError {
  return new LayerhookError('ARCHIVE_UPPERDIR', { mountPoint, reason });
}
