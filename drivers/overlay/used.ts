import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { LayerhookError } from 'layerhook/driver';
import { findMount, fromText, type MountInfo, parseMountInfo, readMountInfo } from 'layerhook/system';

/**
 * Requires that nothing but the bundle itself has its rootfs mounted: no container, which has a mount namespace of its own,
 * and no other place of this one. What is written through such a mount would be lost to the bundle.
 *
 * @throws LayerhookError BUNDLE_USED
 */
export function requireUnused(rootfs: string): void {
  const mounts = readMountInfo();
  const own = findMount(fromText(rootfs), mounts);
  if (own === undefined || own.type !== 'overlay') return;
  const elsewhere = mounts.find(
    (mount) => mount.device === own.device && mount.mountPoint !== own.mountPoint,
  );
  if (elsewhere) throw used(rootfs, `it is mounted at ${elsewhere.mountPoint} too`);
  const pid = userOf(own);
  if (pid !== undefined) throw used(rootfs, `process ${pid} has it mounted`);
}

/** A process in another mount namespace that has the same filesystem mounted. */
function userOf({ device }: MountInfo): string | undefined {
  const seen = new Set([namespaceOf('self')]);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const namespace = namespaceOf(pid);
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    if (mountsOf(pid).some((mount) => mount.device === device)) return pid;
  }
  return undefined;
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
  return new LayerhookError('BUNDLE_USED', { path: dirname(rootfs), reason });
}
