import { systemWords } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, showBytes } from './bytes.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close } from './files.js';
import {
  isMissing,
  MS,
  tryAttach,
  tryCloneTree,
  tryMount,
  tryMove,
  trySetAttributes,
  tryUnmount,
} from './mount-calls.js';
import { explainMount, explainOverlay } from './mount-errors.js';
import { findMount } from './mountinfo.js';
import { mountByContext, type OverlayRequest, openByContext } from './overlay-fscontext.js';
import { mountByOptions } from './overlay-legacy.js';
import type { OverlayDirs } from './overlay-options.js';
import { StatBuffer, statAt } from './stat.js';

export { MS } from './mount-calls.js';

export interface OverlayMountOptions extends OverlayDirs {
  /** more options of mount(8), `NAME` or `NAME=VALUE`; they override the defaults */
  options?: string[] | undefined;
  /** {@link MS} of this mount, such as `MS.RDONLY | MS.NODEV` */
  flags?: number | undefined;
  /** the name of the mounted device; default: `overlay` */
  source?: ByteString | undefined;
}

export interface BindOptions {
  /** {@link MS} of the new mount and, if recursive, of the mounts below it */
  flags?: number | undefined;
  /** true: includes the mounts below `source`; default: false */
  recursive?: boolean | undefined;
}

const MS_PRIVATE = 1 << 18;

/** Options that keep the meaning of a layer's directory the same in all mounts, on all machines. */
const defaults = { redirect_dir: 'off', metacopy: 'off', index: 'off', xino: 'off' } as const;

/**
 * Mounts an overlay at the directory `target`, through the new mount API (up to 500 layers), else through mount(2).
 *
 * `redirect_dir`, `metacopy`, `index` and `xino` are off by default; options that the kernel does not know are omitted.
 * Paths must be absolute and may contain any bytes.
 *
 * @throws LayerhookError MOUNT_FAILED with the kernel's reason
 */
export function mountOverlay(overlay: OverlayMountOptions, target: ByteString): void {
  const request = overlayRequest(overlay);
  const first = mountByContext(request, target);
  const refusal = first?.unavailable ? mountByOptions(request, target) : first;
  if (!refusal) return;
  const cause = new SystemError(refusal.errno, 'mount', target);
  throw failed('an overlay', target, explainOverlay(request, target, refusal), cause);
}

/**
 * Creates an overlay that is mounted nowhere: it ends with the descriptor, also if this process is killed.
 *
 * @param name for the error
 * @returns a descriptor of its root directory; null if only mount(2) can mount overlays (before Linux 6.7)
 * @throws LayerhookError MOUNT_FAILED
 */
export function openOverlay(overlay: OverlayMountOptions, name: ByteString): number | null {
  const request = overlayRequest(overlay);
  const opened = openByContext(request);
  if (typeof opened === 'number') return opened;
  if (opened.unavailable) return null;
  const cause = new SystemError(opened.errno, 'fsmount', name);
  throw failed('an overlay', name, explainOverlay(request, name, opened), cause);
}

/** Returns the overlay that {@link mountOverlay} mounts, with the default options. */
export function overlayRequest(overlay: OverlayMountOptions): OverlayRequest {
  const options = (overlay.options ?? []).map(splitOption);
  const names = new Set(options.map(([name]) => name));
  for (const [name, value] of Object.entries(defaults)) {
    // with userxattr the kernel never follows redirects, and rejects the option
    const implied = name === 'redirect_dir' && names.has('userxattr');
    if (!names.has(name) && !implied) options.push([name, value]);
  }
  const { lowerdirs, upperdir, workdir, flags = 0, source = 'overlay' } = overlay;
  return { lowerdirs, upperdir, workdir, flags, source, options };
}

/**
 * Mounts the directory or file `source` also at `target`; mount(8), "Bind mount operation".
 *
 * @throws LayerhookError MOUNT_FAILED
 */
export function mountBind(source: ByteString, target: ByteString, options: BindOptions = {}): void {
  const done = tryBind(source, target, options);
  if (done >= 0) return;
  const cause = new SystemError(-done, 'mount', target);
  throw failed(showBytes(source), target, explainMount(source, target, -done), cause);
}

function tryBind(
  source: ByteString,
  target: ByteString,
  { flags = 0, recursive = false }: BindOptions,
): number {
  const fd = tryCloneTree(source, recursive);
  if (isMissing(fd)) return tryBindByFlags(source, target, flags, recursive);
  if (fd < 0) return fd;
  try {
    const done = flags === 0 ? 0 : trySetAttributes(fd, flags, recursive);
    if (isMissing(done)) return tryBindByFlags(source, target, flags, recursive);
    return done < 0 ? done : tryAttach(fd, target);
  } finally {
    close(fd);
  }
}

/** Before Linux 5.12: mounts first and sets the flags afterwards, on the uppermost mount only. */
export function tryBindByFlags(
  source: ByteString,
  target: ByteString,
  flags: number,
  recursive: boolean,
): number {
  const done = tryMount(source, target, null, MS.BIND | (recursive ? MS.REC : 0), null);
  if (done < 0 || flags === 0) return done;
  const changed = tryMount(null, target, null, MS.REMOUNT | MS.BIND | flags, null);
  if (changed < 0) tryUnmount(target, true);
  return changed;
}

/**
 * Moves the mount at `from`, with all mounts below it, to `to`; move_mount(2). The kernel refuses this if `from` is on a
 * shared mount (mount_namespaces(7)): there, mounts it at `to` as well and unmounts `from`.
 *
 * @throws LayerhookError MOUNT_FAILED
 */
export function moveMount(from: ByteString, to: ByteString): void {
  const moved = tryMove(from, to);
  const done = moved === -E.EINVAL && isMountPoint(from) ? tryMountAgain(from, to) : moved;
  if (done >= 0) return;
  const cause = new SystemError(-done, 'move_mount', to);
  throw failed(`the mount at ${showBytes(from)}`, to, explainMount(from, to, -done), cause);
}

function tryMountAgain(from: ByteString, to: ByteString): number {
  // private: otherwise unmounting in one tree would unmount in the other
  const parted = tryMount(null, from, null, MS.REC | MS_PRIVATE, null);
  if (parted < 0) return parted;
  const done = tryBind(from, to, { recursive: true });
  return done < 0 ? done : tryUnmount(from, true);
}

/** True if `path` is a mount point. */
export function isMountPoint(path: ByteString): boolean {
  const stat = new StatBuffer();
  if (!statAt(AT_FDCWD, path, stat)) return false;
  return stat.isMountRoot ?? findMount(path) !== undefined;
}

/**
 * Unmounts the topmost mount at `target`; umount2(2) with UMOUNT_NOFOLLOW.
 *
 * @param options `detach`: true unmounts also if the mount is in use; processes that use it keep it until they finish
 * @returns false if `target` is not a mount point
 * @throws LayerhookError UNMOUNT_FAILED
 */
export function unmount(target: ByteString, { detach = false }: { detach?: boolean } = {}): boolean {
  const done = tryUnmount(target, detach);
  if (done >= 0) return true;
  // EINVAL: not a mount point
  if (done === -E.EINVAL || done === -E.ENOENT || done === -E.ENOTDIR) return false;
  const path = showBytes(target);
  const expected =
    done === -E.EBUSY
      ? `end the processes that use it (fuser -vm ${path} lists them)`
      : 'run the command as root, or in the user namespace that made the mount';
  const cause = new SystemError(-done, 'umount2', target);
  throw new LayerhookError('UNMOUNT_FAILED', { path, reason: systemWords(cause), expected }, cause);
}

function splitOption(option: string): [string, string | null] {
  const equals = option.indexOf('=');
  return equals < 0 ? [option, null] : [option.slice(0, equals), option.slice(equals + 1)];
}

function failed(
  what: string,
  target: ByteString,
  why: { reason: string; expected: string },
  cause: SystemError,
): LayerhookError {
  return new LayerhookError('MOUNT_FAILED', { what, path: showBytes(target), ...why }, cause);
}
