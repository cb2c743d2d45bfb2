import type { Digest } from '../image/types.js';
import type { OverlayXattr } from '../layer/types.js';

/** A layer as containerd describes it. */
export interface ContainerdLayer {
  /** the layer, on top of all below it: what the label `containerd.io/snapshot.ref` says */
  chainID: Digest;
  /** digest of the uncompressed layer; null where neither the labels nor the layers below prove it */
  diffID: Digest | null;
  /** chainIDs of the layers below, lowest first; null where they are not all known, as with parallel unpack */
  lowerChainIDs: Digest[] | null;
  /** whose snapshot it is: each containerd has a name of its own */
  client: string;
  /** key or name of the snapshot: namespace, number, and what containerd calls it */
  key: string;
  /** name of the snapshot below it, or '' */
  parent: string;
  /** all that containerd sent; annotations of the image are among them */
  labels: Record<string, string>;
  /** directories of the layers below, highest first, which are not to be written; empty where these are not known */
  lowerdirs: string[];
  /** the namespace that overlayfs reads its attributes from */
  overlayXattr: OverlayXattr;
  /** aborted when containerd no longer wants the layer, or the service ends */
  signal: AbortSignal;
}
