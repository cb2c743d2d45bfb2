import { chainIDOn } from '../../image/chain.js';
import { isDigest } from '../../image/digest.js';
import type { Digest } from '../../image/types.js';
import type { OverlayXattr } from '../../layer/types.js';
import { diffIDOf, PARENT_LABEL, REF_LABEL } from '../labels.js';
import { isInUserNamespace } from '../mounts.js';
import type { LayerFilling, LayerIdentity, Store } from '../types.js';

/** A layer that containerd wants and the store has not. */
export interface LayerRequest extends LayerFilling {
  /** the layer, on top of all below it */
  chainID: Digest;
  /** digest of the uncompressed layer; null where neither the labels nor the layers below prove it */
  diffID: Digest | null;
  /** chainIDs of the layers below, lowest first; null where they are not all known */
  lowerChainIDs: Digest[] | null;
  /** whose snapshot it is to be */
  client: string;
  /** key of the snapshot: namespace, number, and what containerd calls it */
  key: string;
  /** name of the snapshot below it, or '' */
  parent: string;
  /** all that containerd sent */
  labels: Record<string, string>;
  /** directories of the layers below, highest first */
  lowerdirs: string[];
  /** the namespace that overlayfs will read its attributes from */
  overlayXattr: OverlayXattr;
  /** aborted when containerd does not want it any more, or the service ends */
  signal: AbortSignal;
}

/**
 * Puts a layer into the directory that `fresh` gives, as overlayfs wants it; its own mode, owner and times are those of
 * the root directory.
 *
 * @returns whether it has; if not, containerd fetches and extracts the layer
 */
export type ProvideLayer = (request: LayerRequest) => Promise<boolean>;

/** A prepare that is for a layer. */
export interface LayerPrepare {
  layer: LayerIdentity;
  key: string;
  parent: string;
  labels: Record<string, string>;
  signal: AbortSignal;
}

/**
 * Asks for a layer that the store does not have, and gives it a name.
 *
 * @param parallel the parent is not known yet, though the layer has one
 * @returns false if nobody has it
 * @throws LayerhookError as Store's `provide`
 */
export async function askFor(
  store: Store,
  name: string,
  { layer, key, parent, labels, signal }: LayerPrepare,
  { provide, parallel }: { provide: ProvideLayer; parallel: boolean },
): Promise<boolean> {
  const { chainID } = layer;
  if (!isDigest(chainID)) return false;
  const lowerChainIDs = await chainBelow(store, parent, parallel);
  const diffID = provenDiffID(chainID, labels, lowerChainIDs);
  const known = {
    chainID,
    diffID,
    // with parallel unpack a diffID that is the chainID tells the lowest layer
    lowerChainIDs: lowerChainIDs ?? (diffID === chainID ? [] : null),
    client: store.client,
    key,
    parent,
    labels,
    lowerdirs: parent === '' ? [] : await store.lowerdirs(parent),
    overlayXattr: isInUserNamespace() ? ('user' as const) : ('trusted' as const),
    signal,
  };
  return store.provide(name, { ...layer, diffID: diffID ?? '' }, parent, {
    signal,
    fill: (filling) => provide({ ...known, fresh: () => filling.fresh(), check: () => filling.check() }),
  });
}

/** chainIDs of a snapshot and of all below it, lowest first, as their labels say; null if one does not. */
async function chainBelow(store: Store, name: string, parallel: boolean): Promise<Digest[] | null> {
  if (parallel && name === '') return null;
  const chain: Digest[] = [];
  for (let at = name; at !== ''; ) {
    const { labels, parent } = await store.stat(at);
    const chainID = labels[REF_LABEL] ?? '';
    if (!isDigest(chainID)) return null;
    chain.unshift(chainID);
    at = parent;
  }
  return chain;
}

/**
 * The diffID of a layer, if its chainID is made of it: labels may be annotations of the image, which say what its author
 * likes.
 *
 * @param lowerChainIDs of the layers below, if they are known
 */
function provenDiffID(
  chainID: Digest,
  labels: Record<string, string>,
  lowerChainIDs: Digest[] | null,
): Digest | null {
  if (lowerChainIDs?.length === 0) return chainID;
  const diffID = diffIDOf(labels);
  const below = lowerChainIDs?.at(-1) ?? labels[PARENT_LABEL] ?? '';
  if (!isDigest(diffID)) return null;
  if (lowerChainIDs === null && diffID === chainID) return diffID;
  return isDigest(below) && chainIDOn(below, diffID) === chainID ? diffID : null;
}
