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

/** Types of overlay mounts: of the kernel and of fuse-overlayfs. */
const overlays = ['overlay', 'fuse.fuse-overlayfs'];

/**
 * Requires that the rootfs of a bundle is mounted only in the bundle: not as the root of a container, which has a mount
 * namespace of its own, and not elsewhere in this namespace. Writes through such a mount would be lost to the bundle.
 *
 * An inherited copy of the mount is allowed: each new mount namespace begins with one, and a container with a bind mount of
 * the whole host has one below it.
 *
 * @throws LayerhookError BUNDLE_BUSY
 */
export function requireUnused(rootfs: string): void {
  const mounts = readMountInfo();
  const own = findMount(fromText(rootfs), mounts);
  if (own === undefined || !overlays.includes(own.type)) return;
  const isOther = (mount: MountInfo) =>
    mount.device === own.device && !isInherited(mount.mountPoint, own.mountPoint);
  const other = mounts.find(isOther);
  if (other) throw used(rootfs, `its rootfs is also mounted at ${showBytes(other.mountPoint)}`);
  const inside = mountsBelow(own.mountPoint, mounts).find(({ mountPoint }) => mountPoint !== own.mountPoint);
  if (inside) throw used(rootfs, `something is mounted at ${showBytes(inside.mountPoint)}`);
  for (const pid of namespaces()) {
    if (mountsOf(pid).some(isOther)) throw used(rootfs, `process ${pid} has its rootfs mounted`);
  }
}

/** Returns true for the mount in the bundle, and for copies in binds of a directory above the bundle: mount(8), --rbind. */
function isInherited(mountPoint: ByteString, own: ByteString): boolean {
  const ownEnd = own.split('/').slice(-2).join('/');
  return mountPoint.endsWith(`/${ownEnd}`);
}

/** Yields one process of each other mount namespace. */
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
    // the process ended, or belongs to another user
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
