import { sep } from 'node:path';
import type { Store } from '../../store/types.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { type MountInfo, readMountInfo } from '../../system/mountinfo.js';
import { type BundleEntry, bundlesIn } from './list.js';

/**
 * What the store keeps of bundles whose directory is gone. One that is mounted is not among them: it may be on its way
 * to its place.
 *
 * @throws LayerhookError SYSTEM
 */
export async function missingBundles(store: Store): Promise<BundleEntry[]> {
  const missing = (await bundlesIn(store)).filter(({ state }) => state === 'missing');
  if (missing.length === 0) return [];
  const mounts = readMountInfo();
  const directories = await Promise.all(missing.map(({ key }) => store.directory(key)));
  return missing.filter((_, at) => !mounts.some((mount) => isMountOf(mount, fromText(directories[at]!))));
}

/** Whether a directory is the upperdir of a mount, or is itself mounted: a mount names it as its filesystem does. */
function isMountOf({ root, superOptions }: MountInfo, directory: ByteString): boolean {
  const inStore = directory.split(sep).slice(-3).join(sep);
  return (
    superOptions.some(([name, value]) => name === 'upperdir' && value === directory) || root.endsWith(inStore)
  );
}
