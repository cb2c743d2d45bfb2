import { type ByteString, showBytes } from './bytes.js';
import { E, errnoName } from './errno.js';
import { AT_FDCWD } from './files.js';
import { filesystemOf } from './filesystem.js';
import type { OverlayRequest, Refusal } from './overlay-fscontext.js';
import { StatBuffer, statAt } from './stat.js';

/** Why something could not be mounted, and what would be right. */
export interface Explanation {
  reason: string;
  expected: string;
}

/** OVL_MAX_STACK of the kernel */
const MAX_LOWERDIRS = 500;
/** filesystems that overlayfs cannot write to, or that lose its whiteouts */
export const UNFIT_FOR_UPPERDIR = [
  'overlay',
  'nfs',
  'fuse',
  'vfat',
  'exfat',
  'cifs',
  'smb2',
  '9p',
  'ecryptfs',
];
const NOT_PERMITTED = 'it takes root; without, use fuse-overlayfs or the copy driver';

/** What is behind a refusal, from what the kernel says, its errno and a look at the directories. */
export function explainOverlay(request: OverlayRequest, target: ByteString, refusal: Refusal): Explanation {
  const { lowerdirs, upperdir, workdir } = request;
  const { errno } = refusal;
  // levels and the name of the filesystem are for the kernel's own log
  const says = refusal.log.map((line) => line.replace(/^[ewi] (overlay: )?/, '')).join('; ');
  const explain = (reason: string, expected: string) => ({ reason: says || reason, expected });

  if (errno === E.EPERM || errno === E.EACCES) return explain('not permitted', NOT_PERMITTED);
  if (errno === E.ENODEV)
    return explain(
      'the kernel has no overlayfs',
      'load its module (modprobe overlay), or use the copy driver',
    );
  const dirs = [...lowerdirs, upperdir, workdir, target].filter((path) => path !== undefined);
  const missing = dirs.find((path) => !isDirectory(path));
  if (missing !== undefined)
    return explain(`${showBytes(missing)} is no directory`, 'each directory of an overlay must be there');
  if (lowerdirs.length > MAX_LOWERDIRS)
    return explain(
      `it has ${lowerdirs.length} layers`,
      `overlayfs takes ${MAX_LOWERDIRS}; use the copy driver`,
    );
  if (upperdir === undefined && lowerdirs.length < 2)
    return explain(
      'it has one layer only',
      'an overlay has two layers or an upperdir; bind the layer instead',
    );
  const type = upperdir === undefined ? undefined : filesystemOf(upperdir).type;
  if (type !== undefined && UNFIT_FOR_UPPERDIR.includes(type))
    return explain(
      `${showBytes(upperdir!)} is on ${type}`,
      'upperdir must be on a filesystem such as ext4, xfs, btrfs or tmpfs: put the store there',
    );
  if (upperdir !== undefined && workdir !== undefined && !onOneDevice(upperdir, workdir))
    return explain(
      'upperdir and workdir are on two filesystems',
      'workdir must be an empty directory beside upperdir',
    );
  return explain(errnoName(errno), EXPECTED[errnoName(errno)] ?? 'dmesg may say more');
}

/** What is behind the errno of a bind mount or a move. */
export function explainMount(source: ByteString, target: ByteString, errno: number): Explanation {
  const reason = errnoName(errno);
  if (errno === E.EPERM || errno === E.EACCES)
    return { reason: 'not permitted', expected: 'it takes root, or a user namespace with mounts of its own' };
  const missing = [source, target].find((path) => !exists(path));
  if (missing !== undefined)
    return { reason: `${showBytes(missing)} does not exist`, expected: 'source and target must be there' };
  return {
    reason,
    expected: EXPECTED[reason] ?? 'source and target must both be directories, or both files',
  };
}

const EXPECTED: Readonly<Record<string, string>> = {
  EBUSY: 'upperdir or workdir belongs to another mount: unmount that first',
  ENOSPC: 'the limit of mounts is reached: raise it in /proc/sys/fs/mount-max',
  ESTALE: 'upperdir was made for other layers, with index=on: mount it with those',
  E2BIG: 'use Linux 6.7 or later, a shorter path for the store, or the copy driver',
  ELOOP: 'upperdir and lowerdirs must not lie in each other, nor on more than two overlays',
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
