import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { LayerhookError } from 'layerhook';
import {
  type ByteString,
  findMount,
  fromText,
  type MountInfo,
  mountsBelow,
  parseMountInfo,
  readMountInfo,
  showBytes,
} from 'layerhook/system';

/** Types of overlay mounts, by the kernel and by fuse-overlayfs. */
const overlays = ['overlay', 'fuse.fuse-overlayfs'];

/**
 * Requires that nothing but the bundle itself has its rootfs mounted: no container, whose root it is in a mount namespace
 * of its own, and no other place of this one. What is written through such a mount would be lost to the bundle.
 *
 * A copy that came along is nobody's use: each new mount namespace begins with one, and a container that is shown the whole
 * host has one below that.
 *
 * @throws LayerhookError BUNDLE_BUSY
 */
export function requireUnused(rootfs: string): void {
  const mounts = readMountInfo();
  const own = findMount(fromText(rootfs), mounts);
  if (own === undefined || !overlays.includes(own.type)) return;
  const isOther = (mount: MountInfo) =>
    mount.device === own.device && !cameAlong(mount.mountPoint, own.mountPoint);
  const here = mounts.find(isOther);
  if (here) throw used(rootfs, `its rootfs is mounted at ${showBytes(here.mountPoint)} too`);
  const inside = mountsBelow(own.mountPoint, mounts).find(({ mountPoint }) => mountPoint !== own.mountPoint);
  if (inside) throw used(rootfs, `something is mounted at ${showBytes(inside.mountPoint)}`);
  for (const pid of namespaces()) {
    if (mountsOf(pid).some(isOther)) throw used(rootfs, `process ${pid} has its rootfs mounted`);
  }
}

/** Whether a mount is at its own place, or where a bind of a directory above the bundle shows that; mount(8), --rbind. */
function cameAlong(mountPoint: ByteString, own: ByteString): boolean {
  const ownEnd = own.split('/').slice(-2).join('/');
  return mountPoint.endsWith(`/${ownEnd}`);
}

/** A process of each other mount namespace. */
function* namespaces(): Generator<string> {
  const seen = new Set([namespaceOf('self'), undefined]);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const namespace = namespaceOf(pid);
    if (seen.has(namespace)) continue;
    seen.add(namespace);
    yield pid;
  }
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    // it has ended, or is not ours
    return undefined;
  }
}

function mountsOf(pid: string): MountInfo[] {
  try {
    const lines = readFileSync(`/proc/${pid}/mountinfo`, 'latin1').split('\n');
    return lines.filter((line) => line !== '').map(parseMountInfo);
  } catch {
    return [];
  }
}

function used(rootfs: string, reason: string): LayerhookError {
  const expected = 'stop its container first, or repack without --refresh-bundle';
  return new LayerhookError('BUNDLE_BUSY', { path: dirname(rootfs), reason, expected });
}
