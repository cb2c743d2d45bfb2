import type { LayerRecord } from '../metadata/record-types.js';
import type { LayerIdentity } from '../types.js';

/** By which containerd tells a snapshotter, and we tell containerd, which layer a snapshot is: its chainID. */
export const refLabel = 'containerd.io/snapshot.ref';
/** diffID of a layer that layerhook extracted. */
export const diffIDLabel = 'layerhook/diff-id';
/** diffID of a layer that containerd extracted; since its version 2.3. */
const containerdDiffIDLabel = 'containerd.io/snapshot/diff-id';
/** chainID of the layer below one that containerd extracts; since its version 2.3. */
export const parentLabel = 'containerd.io/snapshot/parent-chain-id';
/** How containerd maps owners: `CONTAINER:HOST:SIZE`, several separated by commas. */
export const uidMappingLabel = 'containerd.io/snapshot/uidmapping';
export const gidMappingLabel = 'containerd.io/snapshot/gidmapping';
/** Of a snapshot whose owners containerd has mapped: it is not the layer as others know it. */
export const mappingLabels = [uidMappingLabel, gidMappingLabel];

/** The labels of a committed snapshot that is a layer. */
export function labelsOfLayer({ chainID, diffID }: LayerIdentity): Record<string, string> {
  return { [refLabel]: chainID, [diffIDLabel]: diffID };
}

/**
 * The layer that a snapshot is, as the labels with which it is committed say; undefined if they do not.
 *
 * @param parent of the snapshot: where there is none, the chainID is the diffID; image-spec config.md, "Layer ChainID"
 */
export function layerOfLabels(
  labels: Readonly<Record<string, string>> = {},
  parent: string,
): LayerRecord | undefined {
  const chainID = labels[refLabel];
  if (!chainID || mappingLabels.some((label) => label in labels)) return undefined;
  const diffID = diffIDOf(labels) || (parent === '' ? chainID : '');
  return { diffID, map: '', chainIDs: [chainID], dependencies: null };
}

/** What labels say of a layer's diffID; '' if nothing. */
export function diffIDOf(labels: Readonly<Record<string, string>>): string {
  return labels[diffIDLabel] ?? labels[containerdDiffIDLabel] ?? '';
}
