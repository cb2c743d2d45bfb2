import { createHash } from 'node:crypto';
import type { Digest, MapOptions } from 'layerhook';

/** What makes another tree of the same layers. */
export interface Variant {
  map: MapOptions;
  keepDirlinks: boolean;
}

/** The name of a chain's subvolume: its chainID, and a digest of what else its tree depends on, if that is not as usual. */
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
