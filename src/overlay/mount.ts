import { join } from 'node:path';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { type ByteString, fromText, showBytes } from '../system/bytes.js';
import { isErrno } from '../system/errno.js';
import { AT_FDCWD, readlinkat } from '../system/files.js';
import { isMountPoint, MS, mountBind, mountOverlay, unmount } from '../system/mount.js';
import { findMount, type MountInfo, mountsBelow } from '../system/mountinfo.js';
import { overlayDirsOf } from '../system/overlay-options.js';
import { StatBuffer, statAt } from '../system/stat.js';
import { type Mount, type MountRequest, readMountOptions } from './mount-options.js';
import type { OverlaySupport } from './overlay-support.js';

export interface MountAllOptions {
  /** how overlays are mounted, from {@link chooseOverlay}; default: by the kernel */
  support?: OverlaySupport | undefined;
}

/**
 * Mounts the mounts of a snapshot at the directory `target`, in order, all or none. An equal mount that is there already
 * stays.
 *
 * @param target absolute, without symlinks
 * @throws LayerhookError MOUNT_FAILED, also if another mount is there
 */
export async function mountAll(
  mounts: Mount[],
  target: string,
  { support }: MountAllOptions = {},
): Promise<void> {
  const done: ByteString[] = [];
  try {
    for (const mount of mounts) {
      const place = fromText(mount.target === '' ? target : join(target, mount.target));
      if (await mountOne(readMountOptions(mount), place, support)) done.push(place);
    }
  } catch (error) {
    for (const place of done.reverse()) await unmountOne(place, { detach: true });
    throw error;
  }
}

/**
 * Removes all mounts at `target`, even if they hide each other.
 *
 * @param target absolute, without symlinks
 * @param options `detach`: even while they are in use
 * @returns true if it removed a mount
 * @throws LayerhookError UNMOUNT_FAILED
 */
export async function unmountAll(target: string, options: { detach?: boolean } = {}): Promise<boolean> {
  const place = fromText(target);
  if (!(await unmountOne(place, options))) return false;
  while (await unmountOne(place, options));
  return true;
}

/**
 * Removes every mount at the directory `path` and below it, even while in use.
 *
 * @param path absolute, without symlinks
 * @throws LayerhookError UNMOUNT_FAILED
 */
export async function unmountTree(path: string): Promise<void> {
  for (const { mountPoint } of mountsBelow(fromText(path)).reverse())
    await unmountOne(mountPoint, { detach: true });
}

/**
 * Like {@link unmountTree}, below an open directory, even if another process renames it or a directory above.
 *
 * @param fd a directory that only this user may write to
 * @throws LayerhookError UNMOUNT_FAILED
 */
export async function unmountBelow(fd: number): Promise<void> {
  const self = `/proc/self/fd/${fd}`;
  const path = readlinkat(AT_FDCWD, self);
  const below = mountsBelow(path).filter(({ mountPoint }) => mountPoint !== path);
  // nested mounts go with the outer one, whose users could change the paths in it
  const uppermost = below.filter(
    ({ mountPoint }) => !below.some((other) => mountPoint.startsWith(`${other.mountPoint}/`)),
  );
  for (const { mountPoint } of uppermost)
    await unmountOne(mountPoint, { detach: true }, self + mountPoint.slice(path.length));
}

/** @returns false if it was mounted before */
async function mountOne(
  request: MountRequest,
  place: ByteString,
  support: OverlaySupport | undefined,
): Promise<boolean> {
  if (isMountPoint(place)) {
    const mounted = findMount(place);
    if (mounted && isSame(mounted, request, place)) return false;
    if (mounted) throw occupied(mounted, place);
  }
  if (request.type === 'bind') mountBind(request.source, place, request);
  else if (support?.by === 'fuse')
    await (await import('./fuse.js')).mountFuse(support.program, request, place);
  else mountOverlay(request, place);
  return true;
}

/**
 * Unmounts like {@link unmount}, or with fusermount3 for a FUSE mount of an unprivileged user.
 *
 * @param by another path to `place`, for the system call
 */
async function unmountOne(place: ByteString, options: { detach?: boolean }, by = place): Promise<boolean> {
  try {
    return unmount(by, options);
  } catch (error) {
    if (!isLayerhookError(error) || !isErrno(error.cause, 'EPERM')) throw error;
    const mounted = findMount(place);
    // without privileges the kernel returns EPERM even without a mount
    if (mounted === undefined) return false;
    if (!mounted.type.startsWith('fuse')) throw error;
    await (await import('./fuse.js')).unmountFuse(place, options);
    return true;
  }
}

function isSame(mounted: MountInfo, request: MountRequest, place: ByteString): boolean {
  const isReadOnly = mounted.options.includes('ro');
  const wantsReadOnly = (request.flags & MS.RDONLY) !== 0;
  if (isReadOnly !== wantsReadOnly) return false;
  if (request.type === 'bind') return sameFile(request.source, place);
  // such a mount does not show its directories
  if (mounted.type === 'fuse.fuse-overlayfs') return true;
  const shown = overlayDirsOf(mounted);
  return (
    samePath(shown.upperdir, request.upperdir) &&
    shown.lowerdirs.length === request.lowerdirs.length &&
    shown.lowerdirs.every((path, index) => samePath(path, request.lowerdirs[index]))
  );
}

/** Compares paths. `shown` is relative if the kernel was given relative paths, to make the options shorter. */
function samePath(shown: ByteString | undefined, path: ByteString | undefined): boolean {
  if (shown === undefined || path === undefined || shown.startsWith('/')) return shown === path;
  return path.endsWith(`/${shown}`);
}

function sameFile(a: ByteString, b: ByteString): boolean {
  const [first, second] = [new StatBuffer(), new StatBuffer()];
  if (!statAt(AT_FDCWD, a, first) || !statAt(AT_FDCWD, b, second)) return false;
  return first.ino === second.ino && first.devMajor === second.devMajor && first.devMinor === second.devMinor;
}

function occupied(mounted: MountInfo, place: ByteString): LayerhookError {
  return new LayerhookError('MOUNT_FAILED', {
    what: 'a snapshot',
    path: showBytes(place),
    reason: `a mount of type ${mounted.type} is there`,
    expected: 'unmount it first',
  });
}
