import { chainIDOn } from '../image/chain.js';
import { isDigest } from '../image/digest.js';
import type { Digest } from '../image/types.js';
import type { ContainerdLayer } from '../points/containerd-layer.js';
import { diffIDOf, parentLabel, refLabel } from '../store/context/labels.js';
import type { LayerFilling, Store } from '../store/types.js';
import { isInUserNamespace } from '../system/user-namespace.js';

/** A layer that containerd wants and the store has not. */
export type LayerRequest = ContainerdLayer & LayerFilling;

/** A layer that containerd has extracted. */
export interface ExtractedLayer extends ContainerdLayer {
  /** its directory */
  source: string;
}

/**
 * Puts a layer into the directory that `fresh` gives, as overlayfs wants it; its own mode, owner and times are those of
 * the root directory.
 *
 * @returns whether it has; if not, containerd fetches and extracts the layer
 */
export type ProvideLayer = (request: LayerRequest) => Promise<boolean>;

/** What containerd says of a layer when it prepares or commits it. */
export interface LayerWords {
  key: string;
  parent: string;
  labels: Record<string, string>;
  signal: AbortSignal;
  /** the layer may have a parent that is not known yet */
  mayHaveParent: boolean;
}

/** What is known of a layer; undefined if its chainID is none. @throws LayerhookError SNAPSHOT_NOT_FOUND for the parent */
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
    // a diffID that is the chainID tells the lowest layer
    lowerChainIDs: below ?? (diffID === chainID ? [] : null),
    client: store.client,
    lowerdirs: parent === '' ? [] : await store.lowerdirs(parent),
    overlayXattr: isInUserNamespace() ? 'user' : 'trusted',
  };
}

/** chainIDs of a snapshot and of all below it, lowest first, as their labels say; null if one does not. */
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
  const below = lowerChainIDs?.at(-1) ?? labels[parentLabel] ?? '';
  if (!isDigest(diffID)) return null;
  if (lowerChainIDs === null && diffID === chainID) return diffID;
  return isDigest(below) && chainIDOn(below, diffID) === chainID ? diffID : null;
}
