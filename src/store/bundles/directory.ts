import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fsError } from '../../errors/fs-error.js';
import { identityOfPath } from '../../system/identity.js';
import type { Info } from '../types.js';
import type { BundlePlace } from './types.js';

/** Label of a bundle's snapshot: path of the bundle's directory when it was last mounted. */
export const bundleLabel = 'layerhook/bundle';
/** Label of a bundle's snapshot: identities of the directories that the bundle may be in. */
const directoryLabel = 'layerhook/directory';

/**
 * Returns the labels that name the owner of a new snapshot. A bundle is built in a staging directory, which is then either
 * renamed to the bundle or emptied into an existing directory: both count.
 */
export function ownerLabels({ bundle, rootfs }: BundlePlace): Record<string, string> {
  const directories = [dirname(rootfs), bundle].map(identityOf).filter((id) => id !== null);
  return { [bundleLabel]: bundle, [directoryLabel]: [...new Set(directories)].join(' ') };
}

/** True if a snapshot was made for the bundle whose directory this is. */
export function owns(info: Info, directory: string): boolean {
  const path = info.labels[bundleLabel];
  if (!isBundles(info) || path === undefined) return false;
  if (sameDirectory(path, directory)) return isAlive(info, directory);
  // a filesystem snapshot repeats the identity of a directory: the directory at the recorded path counts
  return matches(info, directory) && !isAlive(info, path);
}

/** Returns true for a bundle's snapshot: the file of a bundle could name any snapshot, even a layer. */
export function isBundles({ kind, labels }: Info): boolean {
  return kind === 'active' && labels[bundleLabel] !== undefined;
}

/** True if the directory at the recorded path is the bundle's. Snapshots of earlier versions recorded only the path. */
export function isAlive(info: Info, path: string): boolean {
  if (info.labels[directoryLabel] !== undefined) return matches(info, path);
  return identityOf(path) !== null;
}

/** True if a directory is one that the bundle may be in. */
export function matches({ labels }: Info, directory: string): boolean {
  const identity = identityOf(directory);
  return identity !== null && labels[directoryLabel]?.split(' ').includes(identity) === true;
}

export function sameDirectory(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => statSync(path, { bigint: true, throwIfNoEntry: false }));
  return first !== undefined && first.dev === second?.dev && first.ino === second.ino;
}

function identityOf(directory: string): string | null {
  try {
    return identityOfPath(directory);
  } catch (error) {
    throw fsError(error, `reading ${directory}`);
  }
}
