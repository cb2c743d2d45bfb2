import { lchownSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { gidMappingLabel, uidMappingLabel } from '../store/context/labels.js';
import type { Mount, Store } from '../store/types.js';
import { isInUserNamespace } from '../system/user-namespace.js';

type Labels = Readonly<Record<string, string>>;

/** True if containerd extracts a layer into the snapshot: backend keys are `NAMESPACE/NUMBER/KEY`. */
export function isExtraction(key: string): boolean {
  return /(?:^|\/)extract-[^/]*$/.test(key);
}

/**
 * Returns the mounts for a layer that is extracted without its parent: an overlay that has only an upperdir. containerd
 * never mounts it, but writes overlayfs whiteouts into the upperdir. With a bind mount it would drop the whiteouts.
 *
 * In a user namespace containerd cannot write such whiteouts: the bind mount stays, and is only right for the lowest layer.
 */
export function asOverlay(mounts: Mount[]): Mount[] {
  const [{ source: upperdir, type }] = mounts as [Mount];
  if (type !== 'bind' || isInUserNamespace()) return mounts;
  const options = [`workdir=${join(dirname(upperdir), 'work')}`, `upperdir=${upperdir}`];
  return [{ type: 'overlay', source: 'overlay', target: '', options }];
}

/** Returns the mount options that make containerd 2 map owners; mount_setattr(2), MOUNT_ATTR_IDMAP. */
export function mappingOptions(labels: Labels): string[] {
  const uidmap = labels[uidMappingLabel];
  const gidmap = labels[gidMappingLabel];
  return [...(uidmap ? [`uidmap=${uidmap}`] : []), ...(gidmap ? [`gidmap=${gidmap}`] : [])];
}

/**
 * Gives the root directory of a snapshot with mapped owners to the container's root.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT for a mapping without a root user, after removing the snapshot
 */
export async function mapOwner(store: Store, key: string, labels: Labels): Promise<void> {
  const maps = [labels[uidMappingLabel], labels[gidMappingLabel]];
  if (maps.every((map) => !map)) return;
  try {
    const [uid, gid] = maps.map((map) => rootIn(map ?? ''));
    chown(await store.directory(key), uid!, gid!);
  } catch (error) {
    await store.remove(key);
    throw error;
  }
}

/** Returns the host ID of the container's ID 0. @param map `CONTAINER:HOST:SIZE`, several separated by commas; '' for no mapping */
function rootIn(map: string): number {
  if (map === '') return 0;
  for (const range of map.split(',')) {
    const [, container, host, size] = /^(\d+):(\d+):(\d+)$/.exec(range) ?? [];
    if (host === undefined) throw badMap(map, `${range} is not CONTAINER:HOST:SIZE`);
    if (Number(host) >= 2 ** 32 - 1) throw badMap(map, `${host} is too large for a user or group ID`);
    if (Number(container) === 0 && Number(size) > 0) return Number(host);
  }
  throw badMap(map, 'it does not map ID 0 (root)');
}

function badMap(map: string, reason: string): LayerhookError {
  return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `ID mapping ${map}`, reason });
}

function chown(path: string, uid: number, gid: number): void {
  try {
    lchownSync(path, uid, gid);
  } catch (error) {
    throw fsError(error, `changing the owner of ${path}`);
  }
}
