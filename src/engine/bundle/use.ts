import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { fromText, showBytes } from '../../system/bytes.js';
import { mountsBelow } from '../../system/mountinfo.js';

/**
 * Refuses to take the mounts of a bundle away, or the bundle itself, while someone needs them: a container whose root
 * directory is its rootfs, or a mount that someone made in it.
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

/** Where something is mounted in a bundle. Not the bundle itself: it may be a file system of its own. */
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
 * A process that has `rootfs` as its root directory, in whatever mount namespace. Those that this user may not look at are
 * passed over.
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
      // ended, or someone else's
    }
  }
  return undefined;
}
