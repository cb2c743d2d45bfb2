import { chainIDOn } from '../../image/chain.js';
import type { Digest } from '../../image/types.js';
import type { LayerRecord } from '../metadata/record-types.js';
import type { LayerIdentity } from '../types.js';

/** The chainID of the layer in a snapshot. containerd and the snapshotter tell each other the layer with this label. */
export const refLabel = 'containerd.io/snapshot.ref';
/** diffID of a layer that layerhook extracted. */
const diffIDLabel = 'layerhook/diff-id';
/** diffID of a layer that containerd 2.3 or later extracted. */
const containerdDiffIDLabel = 'containerd.io/snapshot/diff-id';
/** chainID of the layer below the one that containerd 2.3 or later extracts. */
export const parentLabel = 'containerd.io/snapshot/parent-chain-id';
/** The ID mappings that containerd uses: `CONTAINER:HOST:SIZE`, several separated by commas. */
export const uidMappingLabel = 'containerd.io/snapshot/uidmapping';
export const gidMappingLabel = 'containerd.io/snapshot/gidmapping';
/** A snapshot with one of these labels has mapped owners: it cannot be shared as the layer. */
export const mappingLabels = [uidMappingLabel, gidMappingLabel];

/** Returns the labels of a committed snapshot that is a layer. */
export function labelsOfLayer({ chainID, diffID }: LayerIdentity): Record<string, string> {
  return { [refLabel]: chainID, [diffIDLabel]: diffID };
}

/**
 * Returns the layer that the labels of a commit name; undefined if they name none. The diffID counts only if the chainID proves
 * it: the label may be an annotation of the image, whose author can write anything into it.
 *
 * @param below chainIDs of the layer below; null for the lowest layer, whose chainID is its diffID; image-spec config.md,
 *   "Layer ChainID"
 */
export function layerOfLabels(
  labels: Readonly<Record<string, string>> = {},
  below: readonly string[] | null,
): LayerRecord | undefined {
  const chainID = labels[refLabel];
  if (!chainID || mappingLabels.some((label) => label in labels)) return undefined;
  const named = diffIDOf(labels);
  const isProven = below?.some((lower) => chainIDOn(lower as Digest, named as Digest) === chainID);
  const diffID = below === null ? chainID : isProven ? named : '';
  return { diffID, map: '', chainIDs: [chainID], dependencies: null };
}

/** Returns the diffID of a layer from its labels, or ''. */
export function diffIDOf(labels: Readonly<Record<string, string>>): string {
  return labels[diffIDLabel] ?? labels[containerdDiffIDLabel] ?? '';
}
