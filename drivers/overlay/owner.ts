import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BundleContext, isLayerhookError, LayerhookError } from 'layerhook';
import type { Info, LayerStore } from 'layerhook/store';
import { birthTime, fromText, readMountInfo, showBytes } from 'layerhook/system';

/** Label of a bundle's snapshot: path of the bundle's directory when it was last mounted. */
const bundleLabel = 'layerhook/bundle';
/** Label of a bundle's snapshot: identities of the directories that the bundle may be in. */
const directoryLabel = 'layerhook/directory';

/** Where a bundle is: its final path, and its rootfs, which may be in a staging directory. */
type Place = Pick<BundleContext, 'bundle' | 'rootfs'>;

/**
 * Returns the labels that name the owner of a new snapshot. A bundle is built in a staging directory, which is then either
 * renamed to the bundle or emptied into an existing directory: both count.
 */
export function ownerLabels({ bundle, rootfs }: Place): Record<string, string> {
  const directories = [dirname(rootfs), bundle].map(identityOf).filter((id) => id !== undefined);
  return { [bundleLabel]: bundle, [directoryLabel]: [...new Set(directories)].join(' ') };
}

/**
 * Requires that a snapshot belongs to this bundle, not to the original of a copy. A bundle that was moved keeps its
 * snapshot, and its new path is recorded.
 *
 * @throws LayerhookError BUNDLE_COPY; SNAPSHOT_NOT_FOUND
 */
export async function requireOwner(store: LayerStore, place: Place, key: string): Promise<void> {
  const info = await store.stat(key);
  const { bundle } = place;
  if (!owns(info, bundle)) throw isCopy(info, bundle);
  if (sameDirectory(info.labels[bundleLabel]!, bundle)) return;
  const labels = { ...info.labels, [bundleLabel]: bundle };
  await store.update({ name: key, labels }, [`labels.${bundleLabel}`]);
}

/**
 * Gives a snapshot of another directory to the bundle, at the operator's request.
 *
 * @throws LayerhookError BUNDLE_COPY while the other directory exists; BUNDLE_BUSY while the snapshot is mounted
 */
export async function claim(store: LayerStore, place: Place, key: string): Promise<void> {
  const info = await store.stat(key);
  const { bundle } = place;
  const path = info.labels[bundleLabel];
  if (owns(info, bundle)) return;
  if (!isBundles(info) || path === undefined || isAlive(info, path)) throw isCopy(info, bundle);
  const mounted = mountPointOf(await store.directory(key));
  if (mounted !== undefined) {
    const reason = `its changes are mounted at ${mounted}`;
    const expected = `unmount them first: umount ${mounted}`;
    throw new LayerhookError('BUNDLE_BUSY', { path: bundle, reason, expected });
  }
  await store.update({ name: key, labels: { ...info.labels, ...ownerLabels(place) } });
}

/**
 * Removes a snapshot that belongs to this bundle. A missing snapshot is fine.
 *
 * @returns the path of the other bundle that the snapshot belongs to; undefined if it is gone
 */
export async function removeOwn(
  store: LayerStore,
  { bundle, rootfs }: Place,
  key: string,
): Promise<string | undefined> {
  try {
    const info = await store.stat(key);
    const directory = dirname(rootfs);
    const isOwn = directory === bundle ? owns(info, bundle) : matches(info, directory);
    if (!isOwn) return info.labels[bundleLabel] ?? 'something else';
    await store.remove(key);
  } catch (error) {
    if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
  }
  return undefined;
}

/** True if a snapshot was made for the bundle whose directory this is. */
function owns(info: Info, directory: string): boolean {
  const path = info.labels[bundleLabel];
  if (!isBundles(info) || path === undefined) return false;
  if (sameDirectory(path, directory)) return !knowsOthers(info) || matches(info, directory);
  // a filesystem snapshot repeats the identity of a directory: the directory at the recorded path counts
  return matches(info, directory) && !isAlive(info, path);
}

/** Returns true for a bundle's snapshot: the file of a bundle could name any snapshot, even a layer. */
function isBundles({ kind, labels }: Info): boolean {
  return kind === 'active' && labels[bundleLabel] !== undefined;
}

function isAlive(info: Info, path: string): boolean {
  return knowsOthers(info) ? matches(info, path) : identityOf(path) !== undefined;
}

/** Returns false for snapshots of earlier versions, which recorded only the path. */
function knowsOthers({ labels }: Info): boolean {
  return labels[directoryLabel] !== undefined;
}

function matches({ labels }: Info, directory: string): boolean {
  const identity = identityOf(directory);
  return identity !== undefined && labels[directoryLabel]?.split(' ').includes(identity) === true;
}

/**
 * Returns the inode number and birth time of a directory: they survive a rename and a new mount of the filesystem, and a
 * copy has others. The device number changes with a reboot, and with each mount of a btrfs.
 */
function identityOf(directory: string): string | undefined {
  const stat = statSync(directory, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino}:${birthTime(fromText(directory)) ?? ''}`;
}

function sameDirectory(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
  return first !== undefined && first.dev === second?.dev && first.ino === second.ino;
}

/** Returns where an upperdir is mounted. */
function mountPointOf(upperdir: string): string | undefined {
  const path = fromText(upperdir);
  // the kernel shows the path that it was given, which is relative if that made the options shorter
  const isUpper = (value: string) => path === value || (!value.startsWith('/') && path.endsWith(`/${value}`));
  const found = readMountInfo().find(({ superOptions }) =>
    superOptions.some(([name, value]) => name === 'upperdir' && value !== undefined && isUpper(value)),
  );
  return found && showBytes(found.mountPoint);
}

function isCopy(info: Info, path: string): LayerhookError {
  const { [bundleLabel]: known } = info.labels;
  if (!isBundles(info) || known === undefined) {
    const reason = `layerhook.overlay names the snapshot ${info.name}, which does not belong to a bundle`;
    return new LayerhookError('BUNDLE_INVALID', { path, reason });
  }
  const own = `layerhook bundle rm ${path} removes only this directory`;
  const owner = sameDirectory(known, path) ? 'the directory that it was unpacked to' : known;
  const expected = isAlive(info, known)
    ? `use ${owner}, or unpack the image again; ${own}`
    : `if ${owner} is gone, because the bundle was moved or restored: layerhook bundle mount --claim ${path}; ${own}`;
  return new LayerhookError('BUNDLE_COPY', { path, owner, expected });
}
