import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { fromText, showBytes } from '../../system/bytes.js';
import { mountsBelow } from '../../system/mountinfo.js';

/**
 * Refuses to unmount or remove a bundle that is in use: by a container whose root directory is its rootfs, or by another mount
 * inside it.
 *
 * @throws LayerhookError BUNDLE_BUSY
 */
export function refuseUse(bundle: string): void {
  const rootfs = join(realpathSync(bundle), 'rootfs');
  const foreign = mountsIn(bundle).find((path) => path !== rootfs);
  if (foreign !== undefined) throw stillMounted(bundle, foreign);
  const user = processIn(rootfs);
  if (user === undefined) return;
  const reason = `the root directory of process ${user.pid} (${user.name}) is its rootfs`;
  throw new LayerhookError('BUNDLE_BUSY', { path: bundle, reason, expected: 'stop its container first' });
}

/** @throws LayerhookError BUNDLE_BUSY if anything is mounted in a bundle */
export function refuseMounts(bundle: string): void {
  const [mounted] = mountsIn(bundle);
  if (mounted !== undefined) throw stillMounted(bundle, mounted);
}

/** Returns the mount points in a bundle, without the bundle itself, which may be a mount point. */
function mountsIn(bundle: string): string[] {
  const path = realpathSync(bundle);
  const points = mountsBelow(fromText(path)).map(({ mountPoint }) => showBytes(mountPoint));
  return points.filter((mountPoint) => mountPoint !== path);
}

function stillMounted(bundle: string, mountPoint: string): LayerhookError {
  const reason = `something is mounted at ${mountPoint}`;
  const expected = `unmount it first: umount ${mountPoint}`;
  return new LayerhookError('BUNDLE_BUSY', { path: bundle, reason, expected });
}

/**
 * Finds a process whose root directory is `rootfs`, in any mount namespace. Processes that this user may not inspect are
 * skipped.
 */
function processIn(rootfs: string): { pid: number; name: string } | undefined {
  const root = statSync(rootfs, { bigint: true, throwIfNoEntry: false });
  if (root === undefined) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const { dev, ino } = statSync(`/proc/${pid}/root/`, { bigint: true });
      if (dev !== root.dev || ino !== root.ino) continue;
      return { pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
    } catch {
      // it has ended, or belongs to another user
    }
  }
  return undefined;
}
