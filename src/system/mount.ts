import { LayerhookError } from '../errors/index.js';
import { type ByteString, showBytes } from './bytes.js';
import { E, errnoName, SystemError } from './errno.js';
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
import { mountByContext, type OverlayRequest } from './overlay-fscontext.js';
import { mountByOptions } from './overlay-legacy.js';
import type { OverlayDirs } from './overlay-options.js';
import { StatBuffer, statAt } from './stat.js';

export { MS } from './mount-calls.js';

export interface OverlayMountOptions extends OverlayDirs {
  /** further options as of mount(8), `NAME` or `NAME=VALUE`; they win over the defaults */
  options?: string[] | undefined;
  /** {@link MS} of this mount, such as `MS.RDONLY | MS.NODEV` */
  flags?: number | undefined;
  /** what is shown as the mounted device; default `overlay` */
  source?: ByteString | undefined;
}

export interface BindOptions {
  /** {@link MS} of the new mount and, if recursive, of those below it */
  flags?: number | undefined;
  /** with what is mounted below `source` */
  recursive?: boolean | undefined;
}

const MS_PRIVATE = 1 << 18;

/** What others must be able to rely on: a layer's directory means the same wherever and whenever it is mounted. */
const defaults = { redirect_dir: 'off', metacopy: 'off', index: 'off', xino: 'off' } as const;

/**
 * Mounts an overlay at the directory `target`: through the new mount API, which takes 500 layers, else through mount(2).
 *
 * `redirect_dir`, `metacopy`, `index` and `xino` are off unless asked for; a kernel that does not know one of them is not told.
 * Paths may have any bytes and must be absolute.
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

/** What {@link mountOverlay} asks the kernel for. */
export function overlayRequest(overlay: OverlayMountOptions): OverlayRequest {
  const options = (overlay.options ?? []).map(splitOption);
  const names = new Set(options.map(([name]) => name));
  for (const [name, value] of Object.entries(defaults)) {
    // with userxattr the kernel never follows redirects, and does not want to hear of them
    const implied = name === 'redirect_dir' && names.has('userxattr');
    if (!names.has(name) && !implied) options.push([name, value]);
  }
  const { lowerdirs, upperdir, workdir, flags = 0, source = 'overlay' } = overlay;
  return { lowerdirs, upperdir, workdir, flags, source, options };
}

/**
 * Mounts the directory or file `source` at `target` too; mount(8), "Bind mount operation".
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

/** Before Linux 5.12: mounted first, then made read-only, and only the uppermost mount at that. */
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
 * Moves what is mounted at `from`, with all that is mounted below, to `to`; move_mount(2). Where the kernel does not move,
 * because `from` is on a shared mount (mount_namespaces(7)), it is mounted at `to` too and then taken away.
 *
 * @throws LayerhookError MOUNT_FAILED
 */
export function moveMount(from: ByteString, to: ByteString): void {
  const moved = tryMove(from, to);
  const done = moved === -E.EINVAL && isMountPoint(from) ? tryMountAgain(from, to) : moved;
  if (done >= 0) return;
  const cause = new SystemError(-done, 'move_mount', to);
  throw failed(`what is mounted at ${showBytes(from)}`, to, explainMount(from, to, -done), cause);
}

function tryMountAgain(from: ByteString, to: ByteString): number {
  // else what is unmounted in the one would be so in the other
  const parted = tryMount(null, from, null, MS.REC | MS_PRIVATE, null);
  if (parted < 0) return parted;
  const done = tryBind(from, to, { recursive: true });
  return done < 0 ? done : tryUnmount(from, true);
}

/** Whether something is mounted at `path`. */
export function isMountPoint(path: ByteString): boolean {
  const stat = new StatBuffer();
  if (!statAt(AT_FDCWD, path, stat)) return false;
  return stat.isMountRoot ?? findMount(path) !== undefined;
}

/**
 * Takes away what is mounted last at `target`; umount2(2) with UMOUNT_NOFOLLOW.
 *
 * @param options `detach`: also while it is used: it is gone for others now, and for its users when they are done
 * @returns false if nothing is mounted there
 * @throws LayerhookError UNMOUNT_FAILED
 */
export function unmount(target: ByteString, { detach = false }: { detach?: boolean } = {}): boolean {
  const done = tryUnmount(target, detach);
  if (done >= 0) return true;
  // EINVAL: no mount point
  if (done === -E.EINVAL || done === -E.ENOENT || done === -E.ENOTDIR) return false;
  const path = showBytes(target);
  const expected =
    done === -E.EBUSY
      ? `end what uses it (fuser -vm ${path} shows it)`
      : 'it takes root, or the user namespace that it was mounted in';
  const cause = new SystemError(-done, 'umount2', target);
  throw new LayerhookError('UNMOUNT_FAILED', { path, reason: errnoName(-done), expected }, cause);
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
