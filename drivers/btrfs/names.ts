import { createHash } from 'node:crypto';
import type { Digest, MapOptions } from 'layerhook';

/** Options that produce a different tree from the same layers. */
export interface Variant {
  map: MapOptions;
  keepDirlinks: boolean;
}

/** Returns the name of a chain's subvolume: its chainID, followed by a digest of the options that are not the default. */
export function subvolumeName(chainID: Digest, { map, keepDirlinks }: Variant): string {
  const name = chainID.replace(':', '-');
  const { uidMappings, gidMappings, rootless } = map;
  if (uidMappings.length === 0 && gidMappings.length === 0 && !rootless && !keepDirlinks) return name;
  const ranges = [uidMappings, gidMappings].map((list) =>
    list.map(({ containerID, hostID, size }) => [containerID, hostID, size]),
  );
  const digest = createHash('sha256').update(JSON.stringify([...ranges, rootless, keepDirlinks]));
  return `${name}-${digest.digest('hex').slice(0, 16)}`;
}
