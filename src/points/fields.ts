import type {
  BaseContext,
  BundleContext,
  DeltaEntry,
  ImageContext,
  LayerContext,
  SnapshotLayerContext,
} from './points.js';
import type { TypeWord, WordFor } from './words.js';

/** One field of a context: the word for its type (words.ts) and what it is. */
export interface Field<T = never> {
  readonly type: [T] extends [never] ? TypeWord : WordFor<T>;
  readonly says: string;
}

/** One field of a result; optional ones have a default that `says` names. */
export interface ResultField<T = never, Required extends boolean = boolean> extends Field<T> {
  readonly required: Required;
}

export type ContextFields<T> = { readonly [K in keyof T]: Field<T[K]> };
type IsRequired<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? false : true;
export type ResultFields<T> = {
  readonly [K in keyof T]-?: ResultField<Exclude<T[K], undefined>, IsRequired<T, K>>;
};

export const base = {
  signal: {
    type: 'AbortSignal',
    says: 'aborted when the operation is interrupted or has failed, or at the timeout',
  },
  log: { type: 'Logger', says: 'where the hook says what it does' },
} as const satisfies ContextFields<BaseContext>;

export const bundle = {
  bundle: { type: 'path', says: 'where the bundle is, or will be' },
  rootfs: {
    type: 'path',
    says: 'the root filesystem now: while unpacking, inside a private staging directory',
  },
  map: { type: 'map', says: 'how owners in layers become owners on disk' },
  state: {
    type: 'hook state',
    says: 'what this hook keeps with the bundle for later points; empty at first, and if others may write the bundle',
  },
} as const satisfies Own<BundleContext, BaseContext>;

export const image = {
  layout: {
    type: 'string',
    says: 'the image layout: an absolute path, after `oci-archive:` or `docker-archive:` if it is a tar',
  },
  reference: { type: 'string', says: 'the tag under which this image was found; may be empty' },
  keepDirlinks: {
    type: 'boolean',
    says: 'true if a symlink to a directory stays when a layer has a directory in its place',
  },
  treeID: {
    type: 'string',
    says: 'names the tree of all layers (at points of layers: up to this one) as a file name: chainID, ID mappings, keepDirlinks',
  },
  treeIDs: { type: 'names', says: 'treeIDs of all layers, lowest first' },
  layers: { type: 'image layers', says: 'all layers, lowest first' },
  manifest: { type: 'manifest', says: 'the manifest, whole' },
  manifestDescriptor: { type: 'descriptor', says: 'the descriptor of the manifest' },
  config: { type: 'image config', says: 'the image config, whole' },
  configDescriptor: { type: 'descriptor', says: 'the descriptor of the image config' },
} as const satisfies Own<ImageContext, BundleContext>;

export const layer = {
  index: { type: 'integer', says: 'which layer; 0 is the lowest' },
  descriptor: { type: 'descriptor', says: 'the descriptor of the layer' },
  diffID: { type: 'digest', says: 'digest of the uncompressed layer' },
  chainID: { type: 'digest', says: 'names this layer on top of all below it; image-spec config.md' },
  lowerChainIDs: { type: 'digests', says: 'chainIDs of the layers below, lowest first' },
  chainIDs: { type: 'digests', says: 'chainIDs of all layers of the image, lowest first' },
  blob: {
    type: 'path',
    says: 'the file with the blob of the layer: in the layout, or the tar that is the layout',
  },
  blobOffset: {
    type: 'integer',
    says: 'where the blob begins in the file, in bytes: 0 unless the layout is a tar; `descriptor` has its size',
  },
} as const satisfies Own<LayerContext, ImageContext>;

export const snapshotLayer = {
  chainID: { type: 'digest', says: 'names the layer on top of all below it; image-spec config.md' },
  diffID: {
    type: 'digest or null',
    says: 'digest of the uncompressed layer, where labels or the layers below prove it',
  },
  lowerChainIDs: {
    type: 'digests or null',
    says: 'chainIDs of the layers below, lowest first; null where not all are known, as with parallel unpack',
  },
  client: { type: 'string', says: 'whose snapshot it is; each containerd has a name of its own' },
  key: {
    type: 'string',
    says: 'key or name of the snapshot: namespace, number, and what containerd calls it',
  },
  parent: { type: 'string', says: 'name of the snapshot below, or empty' },
  labels: {
    type: 'labels',
    says: 'all that containerd sent; annotations of the image are among them',
  },
  lowerdirs: {
    type: 'paths',
    says: 'directories of the layers below, highest first, not to be written; empty where these are not known',
  },
  overlayXattr: { type: 'overlay xattr', says: 'where mounts read the attributes of overlayfs' },
} as const satisfies Own<SnapshotLayerContext, BaseContext>;

/** One row of a delta. */
export const deltaEntry = {
  path: { type: 'name', required: true, says: 'the changed path, relative to rootfs' },
  kind: {
    type: 'kind',
    required: false,
    says: 'default: `"delete"` if the path is missing in rootfs, else `"modify"`',
  },
  inode: {
    type: 'string',
    required: false,
    says: 'any text that only the hard links of one file share; default: the inode that rootfs shows. An overlay may show several for one file',
  },
} as const satisfies ResultFields<DeltaEntry>;

/** The fields that a context has beyond those of another. */
export type Own<T, Parent> = ContextFields<Omit<T, keyof Parent>>;

/** Fields that the contexts of several points share, each group on top of those before it. */
export const contextGroups: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  common: base,
  bundle,
  image,
  layer,
};
