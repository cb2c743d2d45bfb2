import type { LayerRecord } from '../metadata/record-types.js';
import type { LayerIdentity } from '../types.js';

/** By which containerd tells a snapshotter, and we tell containerd, which layer a snapshot is: its chainID. */
export const REF_LABEL = 'containerd.io/snapshot.ref';
/** diffID of a layer that layerhook extracted. */
export const DIFF_ID_LABEL = 'layerhook/diff-id';
/** diffID of a layer that containerd extracted; since its version 2.3. */
const CONTAINERD_DIFF_ID_LABEL = 'containerd.io/snapshot/diff-id';
/** chainID of the layer below one that containerd extracts; since its version 2.3. */
export const PARENT_LABEL = 'containerd.io/snapshot/parent-chain-id';
/** How containerd maps owners: `CONTAINER:HOST:SIZE`, several separated by commas. */
export const UID_MAPPING_LABEL = 'containerd.io/snapshot/uidmapping';
export const GID_MAPPING_LABEL = 'containerd.io/snapshot/gidmapping';
/** Of a snapshot whose owners containerd has mapped: it is not the layer as others know it. */
export const MAPPING_LABELS = [UID_MAPPING_LABEL, GID_MAPPING_LABEL];

/** The labels of a committed snapshot that is a layer. */
export function labelsOfLayer({ chainID, diffID }: LayerIdentity): Record<string, string> {
  return { [REF_LABEL]: chainID, [DIFF_ID_LABEL]: diffID };
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
  const chainID = labels[REF_LABEL];
  if (!chainID || MAPPING_LABELS.some((label) => label in labels)) return undefined;
  const diffID = diffIDOf(labels) || (parent === '' ? chainID : '');
  return { diffID, map: '', chainIDs: [chainID], dependencies: null };
}

/** What labels say of a layer's diffID; '' if nothing. */
export function diffIDOf(labels: Readonly<Record<string, string>>): string {
  return labels[DIFF_ID_LABEL] ?? labels[CONTAINERD_DIFF_ID_LABEL] ?? '';
}
