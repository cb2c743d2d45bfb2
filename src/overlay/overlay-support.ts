import { accessSync, constants, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { systemWords } from '../errors/fs-error.js';
import { isLayerhookError } from '../errors/index.js';
import { markOpaque } from '../layer/overlay-marks.js';
import { fromText } from '../system/bytes.js';
import { CAP, hasCapability } from '../system/capabilities.js';
import { SystemError } from '../system/errno.js';
import { AT_FDCWD, close, mknodat, O, openat, S } from '../system/files.js';
import { filesystemOf } from '../system/filesystem.js';
import { mountOverlay, unmount } from '../system/mount.js';
import { unfitForUpperdir } from '../system/mount-errors.js';
import { findProgram } from '../system/programs.js';
import { DT, readDirectory } from '../system/readdir.js';
import { removeTree, tryRemoveTreeAt } from '../system/remove.js';
import { isInUserNamespace } from '../system/user-namespace.js';

/** How overlays can be mounted on this host. */
export type OverlaySupport =
  | { by: 'kernel' }
  /** `program`: path of fuse-overlayfs; `reason`: why the kernel cannot */
  | { by: 'fuse'; program: string; reason: string }
  | { by: 'none'; reason: string };

/**
 * Finds out how this process can mount overlays of directories in `directory`: by the kernel, by fuse-overlayfs, or not at
 * all. In a user namespace it mounts one as a test.
 *
 * @param directory an existing directory of the store, absolute
 */
export function chooseOverlay(directory: string): OverlaySupport {
  const reason = whyNotByKernel(directory);
  if (reason === null) return { by: 'kernel' };
  const program = findProgram('fuse-overlayfs');
  if (program === undefined) return { by: 'none', reason: `${reason}; fuse-overlayfs is not installed` };
  if (process.getuid?.() !== 0 && findProgram('fusermount3') === undefined)
    return { by: 'none', reason: `${reason}; fusermount3 (package fuse3) is not installed` };
  if (!mayUseFuse()) return { by: 'none', reason: `${reason}; /dev/fuse cannot be opened` };
  const unmarkable = whyNotMarked(directory);
  if (unmarkable !== null) return { by: 'none', reason: `${reason}; ${unmarkable}` };
  return { by: 'fuse', program, reason };
}

function whyNotByKernel(directory: string): string | null {
  const { type } = filesystemOf(fromText(directory));
  if (unfitForUpperdir.includes(type)) return `${directory} is on ${type}, where overlayfs cannot write`;
  if (!hasFileTypes(directory))
    return `the file system of ${directory} does not list file types (xfs with ftype=0)`;
  if (!hasCapability(CAP.SYS_ADMIN)) return 'only root may mount overlays';
  return isInUserNamespace() ? tryMount(directory) : null;
}

function mayUseFuse(): boolean {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns true if directories list the types of files, by which overlayfs finds whiteouts; readdir(3), d_type. */
function hasFileTypes(directory: string): boolean {
  const fd = openat(AT_FDCWD, fromText(directory), O.RDONLY | O.DIRECTORY);
  try {
    return readDirectory(fd).every(({ type }) => type !== DT.UNKNOWN);
  } finally {
    close(fd);
  }
}

/** Returns why whiteouts and opaque markers cannot be written here without privileges, or null. */
function whyNotMarked(directory: string): string | null {
  const place = placeToTry(directory);
  if (place === null) return null;
  try {
    mknodat(AT_FDCWD, fromText(join(place, 'whiteout')), S.IFCHR);
    markOpaque(fromText(place), 'user');
    return null;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return `the file system of ${directory} refuses whiteouts or user attributes: ${systemWords(error)}`;
  } finally {
    removeTree(place);
  }
}

/** Mounts an overlay as a test: since Linux 5.11 user namespaces may, but not all of them. */
function tryMount(directory: string): string | null {
  const place = placeToTry(directory);
  if (place === null) return `${directory} cannot be written to`;
  try {
    const [lower, upper, work, target] = ['lower', 'upper', 'work', 'target'].map((name) => {
      mkdirSync(join(place, name));
      return fromText(join(place, name));
    }) as [string, string, string, string];
    mountOverlay({ lowerdirs: [lower], upperdir: upper, workdir: work, options: ['userxattr'] }, target);
    unmount(target, { detach: true });
  } catch (error) {
    // a mount that stays makes this fail too, which would hide why
    tryRemoveTreeAt(AT_FDCWD, fromText(place));
    if (!isLayerhookError(error, 'MOUNT_FAILED')) throw error;
    return `this user namespace may not mount overlays (${error.details.reason})`;
  }
  removeTree(place);
  return null;
}

function placeToTry(directory: string): string | null {
  try {
    return mkdtempSync(join(directory, '.layerhook-try-'));
  } catch {
    return null;
  }
}
