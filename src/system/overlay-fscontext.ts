import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { AT_FDCWD, close, O, tryOpenat } from './files.js';
import {
  isMissing,
  MS,
  readContextLog,
  tryAttach,
  tryCreate,
  tryFsmount,
  tryFsopen,
  trySetFd,
  trySetFlag,
  trySetString,
} from './mount-calls.js';
import type { OverlayDirs } from './overlay-options.js';

/** An overlay as the ways to mount it want it: all options said, `flags` of mount(2). */
export interface OverlayRequest extends OverlayDirs {
  source: ByteString;
  options: [name: string, value: string | null][];
  flags: number;
}

/** How an attempt to mount ended: null for well, else the errno and what the kernel says about it. */
export interface Refusal {
  errno: number;
  log: string[];
  /** this kernel cannot be asked in this way */
  unavailable?: true;
}

/**
 * Mounts an overlay through fsopen(2), with one `lowerdir+` a layer, so that any number of layers and any path can be
 * said; Documentation/filesystems/overlayfs.rst. Needs Linux 6.7, and 6.13 for paths of more than 255 bytes.
 */
export function mountByContext(request: OverlayRequest, target: ByteString): Refusal | null {
  const fd = tryFsopen('overlay');
  if (fd < 0) return { errno: -fd, log: [], ...(isMissing(fd) && { unavailable: true }) };
  try {
    const refusal = configure(fd, request);
    if (refusal) return refusal;
    const created = tryCreate(fd);
    return created < 0 ? refused(fd, created) : attach(fd, request.flags, target);
  } finally {
    close(fd);
  }
}

function configure(fd: number, request: OverlayRequest): Refusal | null {
  for (const lowerdir of request.lowerdirs) {
    const done = setPath(fd, 'lowerdir+', lowerdir, lowerdir);
    if (done < 0) return { ...refused(fd, done), ...(isUnknown(done) && { unavailable: true }) };
  }
  for (const name of ['upperdir', 'workdir'] as const) {
    const path = request[name];
    const done = path === undefined ? 0 : setPath(fd, name, path.replaceAll('\\', '\\\\'), path);
    if (done < 0) return { ...refused(fd, done), ...(isUnknown(done) && { unavailable: true }) };
  }
  for (const [name, value] of request.options) {
    const done = value === null ? trySetFlag(fd, name) : trySetString(fd, name, value);
    if (done < 0) return refused(fd, done);
  }
  if (request.flags & MS.RDONLY) trySetFlag(fd, 'ro');
  const done = trySetString(fd, 'source', request.source);
  return done < 0 ? refused(fd, done) : null;
}

/** `text`: as the kernel reads it; `path`: for when it is too long for that. */
function setPath(fd: number, name: string, text: ByteString, path: ByteString): number {
  const done = trySetString(fd, name, text);
  if (done !== -E.ENAMETOOLONG) return done;
  const directory = tryOpenat(AT_FDCWD, path, O.RDONLY | O.DIRECTORY);
  if (directory < 0) return directory;
  try {
    return trySetFd(fd, name, directory);
  } finally {
    close(directory);
  }
}

/** An option that the kernel does not have, or not in this form. */
function isUnknown(done: number): boolean {
  return done === -E.EINVAL || done === -E.ENAMETOOLONG;
}

function attach(fd: number, flags: number, target: ByteString): Refusal | null {
  const mount = tryFsmount(fd, flags);
  if (mount < 0) return refused(fd, mount);
  try {
    const done = tryAttach(mount, target);
    return done < 0 ? refused(fd, done) : null;
  } finally {
    close(mount);
  }
}

function refused(fd: number, done: number): Refusal {
  return { errno: -done, log: readContextLog(fd) };
}
