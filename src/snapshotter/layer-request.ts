import { chainIDOn } from '../image/chain.js';
import { isDigest } from '../image/digest.js';
import type { Digest } from '../image/types.js';
import type { ContainerdLayer } from '../points/containerd-layer.js';
import { diffIDOf, parentLabel, refLabel } from '../store/context/labels.js';
import type { LayerFilling, Store } from '../store/types.js';
import { isInUserNamespace } from '../system/user-namespace.js';

/** A layer that containerd needs and the store does not have. */
export type LayerRequest = ContainerdLayer & LayerFilling;

/** A layer that containerd has extracted. */
export interface ExtractedLayer extends ContainerdLayer {
  /** directory with its files */
  source: string;
}

/**
 * Puts a layer into the directory that `fresh` returns, in the format of overlayfs. The mode, owner and times of this
 * directory become those of the layer's root directory.
 *
 * @returns true if the layer was provided; if false, containerd fetches and extracts it
 */
export type ProvideLayer = (request: LayerRequest) => Promise<boolean>;

/** What containerd tells about a layer when it prepares or commits it. */
export interface LayerWords {
  key: string;
  parent: string;
  labels: Record<string, string>;
  signal: AbortSignal;
  /** True if the layer may have a parent that is not known yet. */
  mayHaveParent: boolean;
}

/** Describes a layer; undefined if its chainID is missing or malformed. @throws LayerhookError SNAPSHOT_NOT_FOUND for the parent */
export async function describeLayer(
  store: Store,
  { mayHaveParent, ...words }: LayerWords,
): Promise<ContainerdLayer | undefined> {
  const { labels, parent } = words;
  const chainID = labels[refLabel] ?? '';
  if (!isDigest(chainID)) return undefined;
  const below = mayHaveParent && parent === '' ? null : await chainOf(store, parent);
  const diffID = provenDiffID(chainID, labels, below);
  return {
    ...words,
    chainID,
    diffID,
    // a diffID equal to the chainID means the lowest layer
    lowerChainIDs: below ?? (diffID === chainID ? [] : null),
    client: store.client,
    lowerdirs: parent === '' ? [] : await store.lowerdirs(parent),
    overlayXattr: isInUserNamespace() ? 'user' : 'trusted',
  };
}

/** Returns the chainIDs of a snapshot and its parents from their labels, lowest first; null if a label is missing. */
async function chainOf(store: Store, name: string): Promise<Digest[] | null> {
  const chain: Digest[] = [];
  for (let at = name; at !== ''; ) {
    const { labels, parent } = await store.stat(at);
    const chainID = labels[refLabel] ?? '';
    if (!isDigest(chainID)) return null;
    chain.unshift(chainID);
    at = parent;
  }
  return chain;
}

/**
 * Returns the diffID of a layer if its chainID proves it. Labels may be annotations of the image, whose author can write
 * anything into them.
 *
 * @param lowerChainIDs chainIDs of the lower layers, if they are known
 */
function provenDiffID(
  chainID: Digest,
  labels: Record<string, string>,
  lowerChainIDs: Digest[] | null,
): Digest | null {
  if (lowerChainIDs?.length === 0) return chainID;
  const diffID = diffIDOf(labels);
  const below = lowerChainIDs?.at(-1) ?? labels[parentLabel] ?? '';
  if (!isDigest(diffID)) return null;
  if (lowerChainIDs === null && diffID === chainID) return diffID;
  return isDigest(below) && chainIDOn(below, diffID) === chainID ? diffID : null;
}
