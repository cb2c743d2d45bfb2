import { createHash } from 'node:crypto';
import type { Digest } from '../image/types.js';
import type { MapOptions } from '../layer/types.js';

/** Options that produce a different tree from the same layers. */
export interface TreeOptions {
  map: MapOptions;
  keepDirlinks: boolean;
}

/**
 * Returns a name for the tree that a chain of layers makes: the chainID with `-` for `:`, and for other options than the
 * defaults a digest of the options. The name is safe as a file name, and as a dataset of ZFS.
 *
 * @param chainID undefined for an image without layers
 */
export function treeID(chainID: Digest | undefined, { map, keepDirlinks }: TreeOptions): string {
  const name = chainID?.replace(':', '-') ?? 'empty';
  const { uidMappings, gidMappings, rootless } = map;
  if (uidMappings.length === 0 && gidMappings.length === 0 && !rootless && !keepDirlinks) return name;
  const ranges = [uidMappings, gidMappings].map((list) =>
    list.map(({ containerID, hostID, size }) => [containerID, hostID, size]),
  );
  const digest = createHash('sha256').update(JSON.stringify([...ranges, rootless, keepDirlinks]));
  return `${name}-${digest.digest('hex').slice(0, 16)}`;
}
