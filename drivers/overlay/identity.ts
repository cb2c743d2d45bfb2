import { createHash } from 'node:crypto';
import type { Digest, MapOptions, OverlayXattr } from 'layerhook';
import type { LayerIdentity } from 'layerhook/store';

/** Settings that change the directory of a layer. */
export interface Variant {
  map: MapOptions;
  keepDirlinks: boolean;
  xattr: OverlayXattr;
}

/** Returns the identity of a layer in the store. */
export function identityOf(
  chain: { diffIDs: readonly Digest[]; chainIDs: readonly Digest[] },
  index: number,
  { map, keepDirlinks, xattr }: Variant,
): LayerIdentity {
  const { uidMappings, gidMappings, rootless } = map;
  const ranges = [uidMappings, gidMappings].map((list) =>
    list.map(({ containerID, hostID, size }) => [containerID, hostID, size]),
  );
  const isUsual = ranges.flat().length === 0 && !rootless && !keepDirlinks && xattr === 'trusted';
  const variant = JSON.stringify([...ranges, rootless, keepDirlinks, xattr]);
  return {
    diffID: chain.diffIDs[index] as Digest,
    chainID: chain.chainIDs[index] as Digest,
    map: isUsual ? '' : createHash('sha256').update(variant).digest('hex').slice(0, 16),
  };
}
