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

/** An overlay to mount, with all options and the `flags` of mount(2). */
export interface OverlayRequest extends OverlayDirs {
  source: ByteString;
  options: [name: string, value: string | null][];
  flags: number;
}

/** Why the kernel refused to mount: its errno and its messages. */
export interface Refusal {
  errno: number;
  log: string[];
  /** true: the kernel lacks this way of mounting */
  unavailable?: true;
}

/**
 * Mounts an overlay through fsopen(2), with one `lowerdir+` for each layer, which allows any number of layers and any
 * path; Documentation/filesystems/overlayfs.rst. Needs Linux 6.7, and 6.13 for paths of more than 255 bytes.
 *
 * @returns null if the overlay is mounted
 */
export function mountByContext(request: OverlayRequest, target: ByteString): Refusal | null {
  const mount = openByContext(request);
  if (typeof mount !== 'number') return mount;
  try {
    const done = tryAttach(mount, target);
    return done < 0 ? { errno: -done, log: [] } : null;
  } finally {
    close(mount);
  }
}

/**
 * Creates an overlay as {@link mountByContext} does, but attaches it nowhere.
 *
 * @returns a descriptor of its root directory; the mount ends with the descriptor
 */
export function openByContext(request: OverlayRequest): number | Refusal {
  const fd = tryFsopen('overlay');
  if (fd < 0) return { errno: -fd, log: [], ...(isMissing(fd) && { unavailable: true }) };
  try {
    const refusal = configure(fd, request);
    if (refusal) return refusal;
    const created = tryCreate(fd);
    const mount = created < 0 ? created : tryFsmount(fd, request.flags);
    return mount < 0 ? refused(fd, mount) : mount;
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

/** Sets an option to a path. `text` is the path as the kernel parses it; `path` is opened if `text` is too long. */
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

/** True if the kernel does not know the option, or not in this form. */
function isUnknown(done: number): boolean {
  return done === -E.EINVAL || done === -E.ENAMETOOLONG;
}

function refused(fd: number, done: number): Refusal {
  return { errno: -done, log: readContextLog(fd) };
}
