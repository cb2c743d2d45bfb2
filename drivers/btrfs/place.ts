import { fromText, LayerhookError } from 'layerhook';
import { filesystemOf, nearestDirectory } from 'layerhook/system';
import { filesystemID } from './subvolume.js';

/**
 * Checks that the store and the bundle are on the same btrfs, so that the rootfs can be a snapshot of a stored subvolume.
 *
 * @param store directory of the store, which need not exist yet
 * @param bundle path of the bundle, for the error; `directory` is the parent of its rootfs
 * @throws LayerhookError BTRFS_REQUIRED, DIRECTORY_INVALID
 */
export function checkPlace(
  store: string,
  { bundle, directory }: { bundle: string; directory: string },
): void {
  const existing = nearestDirectory(store);
  const own = filesystemID(existing);
  if (own === undefined)
    throw required(`store ${store}`, `it is on ${filesystemOf(fromText(existing)).type}, not on btrfs`);
  const other = filesystemID(directory);
  if (other === own) return;
  const where = other === undefined ? `on ${filesystemOf(fromText(directory)).type}` : 'on another btrfs';
  throw required(`bundle ${bundle}`, `it is ${where}, not on the btrfs of the store ${store}`);
}

function required(path: string, reason: string): LayerhookError {
  return new LayerhookError('BTRFS_REQUIRED', { path, reason });
}
