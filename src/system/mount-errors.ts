import { codeWords } from '../errors/fs-error.js';
import { type ByteString, showBytes } from './bytes.js';
import { E, errnoName } from './errno.js';
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
  const { lowerdirs, upperdir, workdir } = request;
  const { errno } = refusal;
  // the level and the filesystem's name matter in the kernel log only
  const says = refusal.log.map((line) => line.replace(/^[ewi] (overlay: )?/, '')).join('; ');
  const explain = (reason: string, expected: string) => ({ reason: says || reason, expected });

  if (errno === E.EPERM || errno === E.EACCES) return explain('not permitted', notPermitted);
  if (errno === E.ENODEV)
    return explain(
      'the kernel has no overlayfs',
      'load the overlay module (modprobe overlay), or use the copy driver',
    );
  const dirs = [...lowerdirs, upperdir, workdir, target].filter((path) => path !== undefined);
  const missing = dirs.find((path) => !isDirectory(path));
  if (missing !== undefined)
    return explain(`${showBytes(missing)} is not a directory`, 'each directory of an overlay must exist');
  if (lowerdirs.length > maxLowerdirs)
    return explain(
      `the overlay has ${lowerdirs.length} layers`,
      `overlayfs supports ${maxLowerdirs}; use the copy driver`,
    );
  if (upperdir === undefined && lowerdirs.length < 2)
    return explain(
      'the overlay has one layer only',
      'an overlay needs two layers or an upperdir; use a bind mount of the layer instead',
    );
  const type = upperdir === undefined ? undefined : filesystemOf(upperdir).type;
  if (type !== undefined && unfitForUpperdir.includes(type))
    return explain(
      `${showBytes(upperdir!)} is on ${type}`,
      'the upperdir must be on a filesystem such as ext4, xfs, btrfs or tmpfs: put the store there',
    );
  if (upperdir !== undefined && workdir !== undefined && !onOneDevice(upperdir, workdir))
    return explain(
      'upperdir and workdir are on different filesystems',
      'the workdir must be an empty directory beside the upperdir',
    );
  const name = errnoName(errno);
  return explain(codeWords(name), expectations[name] ?? 'the kernel log (dmesg) may say more');
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
