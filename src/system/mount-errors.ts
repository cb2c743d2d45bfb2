import { errnoName } from '../errors/errno.js';
import { codeWords } from '../errors/fs-error.js';
import { type ByteString, showBytes } from './bytes.js';
import { E } from './errno.js';
import { AT_FDCWD } from './files.js';
import { filesystemOf } from './filesystem.js';
import type { OverlayRequest, Refusal } from './overlay-fscontext.js';
import { StatBuffer, statAt } from './stat.js';

/** Why a mount failed, and what would be right. */
export interface Explanation {
  reason: string;
  expected: string;
}

/** OVL_MAX_STACK of the kernel */
const maxLowerdirs = 500;
/** filesystems that overlayfs cannot write to, or that lose its whiteouts */
export const unfitForUpperdir = ['overlay', 'nfs', 'fuse', 'vfat', 'exfat', 'cifs', 'smb2', '9p', 'ecryptfs'];
const notPermitted = 'run the command as root, or use fuse-overlayfs or the copy driver';

/** Explains why the kernel refused an overlay, from its messages, its errno and the directories. */
export function explainOverlay(request: OverlayRequest, target: ByteString, refusal: Refusal): Explanation {
  // the level and the filesystem's name matter in the kernel log only
  const says = refusal.log.map((line) => line.replace(/^[ewi] (overlay: )?/, '')).join('; ');
  const { reason, expected } =
    kernelReason(refusal.errno) ?? directoryReason(request, target) ?? errnoReason(refusal.errno);
  return { reason: says || reason, expected };
}

function kernelReason(errno: number): Explanation | null {
  if (errno === E.EPERM || errno === E.EACCES) return { reason: 'not permitted', expected: notPermitted };
  if (errno !== E.ENODEV) return null;
  return {
    reason: 'the kernel has no overlayfs',
    expected: 'load the overlay module (modprobe overlay), or use the copy driver',
  };
}

/** Finds what is wrong with the directories of an overlay. */
function directoryReason(request: OverlayRequest, target: ByteString): Explanation | null {
  const { lowerdirs, upperdir, workdir } = request;
  const paths = [...lowerdirs, upperdir, workdir, target].filter((path) => path !== undefined);
  const missing = paths.find((path) => !isDirectory(path));
  if (missing !== undefined)
    return {
      reason: `${showBytes(missing)} is not a directory`,
      expected: 'each directory of an overlay must exist',
    };
  if (lowerdirs.length > maxLowerdirs)
    return {
      reason: `the overlay has ${lowerdirs.length} layers`,
      expected: `overlayfs supports ${maxLowerdirs}; use the copy driver`,
    };
  if (upperdir !== undefined) return upperdirReason(upperdir, workdir);
  if (lowerdirs.length >= 2) return null;
  return {
    reason: 'the overlay has one layer only',
    expected: 'an overlay needs two layers or an upperdir; use a bind mount of the layer instead',
  };
}

function upperdirReason(upperdir: ByteString, workdir: ByteString | undefined): Explanation | null {
  const { type } = filesystemOf(upperdir);
  if (type !== undefined && unfitForUpperdir.includes(type))
    return {
      reason: `${showBytes(upperdir)} is on ${type}`,
      expected: 'the upperdir must be on a filesystem such as ext4, xfs, btrfs or tmpfs: put the store there',
    };
  if (workdir === undefined || onOneDevice(upperdir, workdir)) return null;
  return {
    reason: 'upperdir and workdir are on different filesystems',
    expected: 'the workdir must be an empty directory beside the upperdir',
  };
}

function errnoReason(errno: number): Explanation {
  const name = errnoName(errno);
  return {
    reason: codeWords(name),
    expected: expectations[name] ?? 'the kernel log (dmesg) may say more',
  };
}

/** Explains the errno of a failed bind mount or move. */
export function explainMount(source: ByteString, target: ByteString, errno: number): Explanation {
  const name = errnoName(errno);
  if (errno === E.EPERM || errno === E.EACCES)
    return {
      reason: 'not permitted',
      expected: 'run the command as root, or in a user namespace with its own mount namespace',
    };
  const missing = [source, target].find((path) => !exists(path));
  if (missing !== undefined)
    return { reason: `${showBytes(missing)} does not exist`, expected: 'source and target must exist' };
  return {
    reason: codeWords(name),
    expected: expectations[name] ?? 'source and target must both be directories, or both files',
  };
}

const expectations: Readonly<Record<string, string>> = {
  EBUSY: 'the upperdir or workdir belongs to another mount: unmount that first',
  ENOSPC: 'the limit on mounts is reached: raise it in /proc/sys/fs/mount-max',
  ESTALE: 'the upperdir was first mounted with other layers and index=on: mount it with the same layers',
  E2BIG: 'use Linux 6.7 or later, a shorter path for the store, or the copy driver',
  ELOOP: 'the upperdir and lowerdirs must not contain each other, or lie on more than two nested overlays',
};

function exists(path: ByteString): boolean {
  return statAt(AT_FDCWD, path, new StatBuffer());
}

function isDirectory(path: ByteString): boolean {
  const stat = new StatBuffer();
  return statAt(AT_FDCWD, path, stat) && stat.isDirectory;
}

function onOneDevice(a: ByteString, b: ByteString): boolean {
  const stats = [new StatBuffer(), new StatBuffer()] as const;
  if (!statAt(AT_FDCWD, a, stats[0]) || !statAt(AT_FDCWD, b, stats[1])) return true;
  return stats[0].devMajor === stats[1].devMajor && stats[0].devMinor === stats[1].devMinor;
}
