import { lstatSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { LayerhookError, type Logger } from 'layerhook';
import {
  type ByteString,
  findMount,
  fromText,
  type OverlayDirs,
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
  let mountPoint: string;
  try {
    mountPoint = realpathSync(path);
    mounted = findMount(fromText(mountPoint));
  } catch {
    return null;
  }
  if (mounted?.type !== 'overlay') return null;
  const { upperdir, lowerdirs } = absoluteDirs(mountPoint, overlayDirsOf(mounted));
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

/**
 * Resolves relative directories. For an image of many layers, podman and CRI-O mount in a directory above the mount point, with
 * paths that are relative to it, since longer options do not fit. The mount has the times of its upperdir, which prove the place.
 */
function absoluteDirs(mountPoint: string, { upperdir, lowerdirs }: OverlayDirs): OverlayDirs {
  const upper = upperdir === undefined ? undefined : toText(upperdir);
  if (upper === undefined || isAbsolute(upper)) return { upperdir, lowerdirs };
  for (let at = dirname(mountPoint); ; at = dirname(at)) {
    if (isUpperdirOf(mountPoint, join(at, upper)))
      return { upperdir: fromText(join(at, upper)), lowerdirs: lowerdirs.map((path) => realIn(at, path)) };
    if (at === '/') return { upperdir, lowerdirs };
  }
}

function isUpperdirOf(mountPoint: string, path: string): boolean {
  try {
    const [mounted, upper] = [mountPoint, path].map((each) => lstatSync(each, { bigint: true }));
    return (['mtimeNs', 'ctimeNs', 'mode', 'uid', 'gid'] as const).every(
      (field) => mounted![field] === upper![field],
    );
  } catch {
    return false;
  }
}

/** Returns the real path: the store of podman has symlinks to layers. A path that does not resolve stays relative. */
function realIn(directory: string, path: ByteString): ByteString {
  const text = toText(path);
  try {
    return text === undefined ? path : fromText(realpathSync(resolve(directory, text)));
  } catch {
    return path;
  }
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
