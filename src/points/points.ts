import type { Descriptor, Digest, ImageConfig, Manifest } from '../image/types.js';
import type { OverlayFormat } from '../layer/overlay-marks.js';
import type {
  AppliedLayer,
  Change,
  ChangeKind,
  EntryList,
  MapOptions,
  OverlayXattr,
  Usage,
} from '../layer/types.js';
import type { ByteString } from '../system/bytes.js';
import type { Logger } from '../system/logger.js';
import type { ContainerdLayer } from './containerd-layer.js';

/** What every context carries. Paths are absolute. */
export interface BaseContext {
  /** aborted when the operation is interrupted or has failed */
  signal: AbortSignal;
  log: Logger;
}

/** What a hook keeps with a bundle: a JSON object. */
export type HookState = Record<string, unknown>;

/** The bundle: where it is (or will be), and its root filesystem. */
export interface BundleContext extends BaseContext {
  /** the bundle's final path */
  bundle: string;
  /** the root filesystem now: while unpacking, inside a private staging directory */
  rootfs: string;
  map: MapOptions;
  /**
   * What this hook keeps with the bundle, for all later points: a JSON object of at most 64 KiB, which the hook changes in
   * place. Empty at first, and if others may write the bundle.
   */
  state: HookState;
}

/** A layer of an image, with where it is. */
export interface ImageLayer {
  descriptor: Descriptor;
  diffID: Digest;
  /** image-spec config.md, "Layer ChainID" */
  chainID: Digest;
  /** names the tree of this layer on top of all below it */
  treeID: string;
  /** path of the file with the layer's blob: in the layout's directory, or the tar that is the layout */
  blob: string;
  /** where the blob begins in that file, in bytes: 0 unless the layout is a tar; it has `descriptor.size` bytes */
  blobOffset: number;
}

/** The image a bundle is made of. */
export interface ImageContext extends BundleContext {
  /** path of the image layout */
  layout: string;
  /** the tag under which this image was found; empty for an image without one */
  reference: string;
  /** a symlink to a directory stays when a layer has a directory in its place */
  keepDirlinks: boolean;
  /**
   * Names the tree that all layers make, or at points of layers the tree up to this layer: chainID, ID mappings and
   * `keepDirlinks` as one file name.
   */
  treeID: string;
  /** treeIDs of all layers, lowest first */
  treeIDs: string[];
  /** all layers, lowest first */
  layers: ImageLayer[];
  manifest: Manifest;
  manifestDescriptor: Descriptor;
  config: ImageConfig;
  configDescriptor: Descriptor;
}

/** One layer of the image. */
export interface LayerContext extends ImageContext {
  /** 0 is the lowest layer */
  index: number;
  descriptor: Descriptor;
  diffID: Digest;
  /** image-spec config.md, "Layer ChainID" */
  chainID: Digest;
  /** chainIDs of the layers below, lowest first */
  lowerChainIDs: Digest[];
  /** chainIDs of all layers of the image, lowest first: a hook that has a higher layer may skip this one without work */
  chainIDs: Digest[];
  /** path of the file with the layer's blob: in the layout's directory, or the tar that is the layout */
  blob: string;
  /** where the blob begins in that file, in bytes: 0 unless the layout is a tar; it has `descriptor.size` bytes */
  blobOffset: number;
}

export interface PostExtractContext extends LayerContext {
  /** the form that pre-extract chose */
  into: PreExtractResult['into'];
  /** the directory that the layer was extracted into, or the file that has its tar; of `command`: its `target`, or '' */
  target: string;
  /** how whiteouts are written in the directory `target`; null: they are not written there */
  whiteouts: 'overlay' | null;
  /** what the tar holds, of `tar` and `command`; null: the layer was extracted */
  entries: EntryList | null;
  applied: AppliedLayer;
  /**
   * Writes umoci's mtree manifest of the present `target` to a file, which appears whole or not at all. Available if
   * pre-extract asked for `mtree`. Reads only content that did not come from the layer. Files that only
   * the driver changed are recorded with the content that was extracted.
   *
   * @returns what `target` takes on disk, itself included
   */
  writeMtree(file: string): Promise<Usage>;
  /**
   * Empties `target` and extracts the layer again, this time on top of its lower layers. For a layer with `into: 'directory'`
   * whose entries went to wrong places, see `unsettled`. Directories of the layer that stand for lower ones are again in
   * `unsettled`.
   *
   * @param lowerdirs directories of the layers below, highest first
   */
  extractAgain(lowerdirs: readonly string[]): Promise<AppliedLayer>;
}

export interface ConfigContext extends ImageContext {
  /** the runtime-spec config.json as it stands */
  spec: Record<string, unknown>;
}

export interface DeltaContext extends ImageContext {
  /** umoci's mtree manifest of the bundle, if there is one */
  mtree: string | null;
  /** paths whose changes do not count, absolute in the rootfs */
  maskPaths: string[];
  /** true if the bundle will be refreshed after the repack: a hook that knows the refresh would fail must throw now */
  refresh: boolean;
}

/** The image is the new one. A hook makes the bundle what unpacking the new image would have made. */
export interface RefreshContext extends ImageContext {
  /** the changes that were packed; empty when nothing had changed */
  changes: Change[];
  /** the layer made of them, or null when nothing had changed */
  layer: { descriptor: Descriptor; diffID: Digest; chainID: Digest } | null;
  /**
   * Takes the new layer through try-skip, pre-extract and post-extract, as unpack would: for drivers that keep layers. Does
   * nothing if nothing had changed.
   */
  unpackLayer(): Promise<void>;
}

export interface MountContext extends BundleContext {
  /** the operator says that what the driver keeps for another directory is this bundle's: it was moved or restored */
  claim: boolean;
}

export type RemoveContext = BundleContext;

/** A layer as containerd describes it. */
export interface SnapshotLayerContext extends BaseContext, ContainerdLayer {}

export interface SnapshotExtractedContext extends SnapshotLayerContext {
  /** the layer, as overlayfs has it, which is not to be written */
  source: string;
}

export interface SnapshotSkipContext extends SnapshotLayerContext {
  /** directory to fill: empty, with the attributes of the root directory of the layers below, where these are known */
  target: string;
}

/** How an upperdir is archived: as a directory, as a tar, or as a layer on top of an image. */
export type ArchiveMethod = 'copy' | 'tar' | 'tar.gz' | 'tar.zst' | 'oci';

/** Whiteouts in a tar: `overlay`, as in the upperdir, or `oci`, as in layers. */
export type ArchiveWhiteout = 'overlay' | 'oci';

export interface PoststopContext extends BaseContext {
  /** container state as the OCI runtime gives it to a poststop hook; runtime-spec runtime.md, "State" */
  state: Record<string, unknown>;
  /** what the annotations call this archive */
  name: string;
  /** the same when the hook is called again for the same stop of the container */
  key: string;
  /** path in the container at which the overlay was mounted */
  mountPoint: string;
  /** the directory that has the changes */
  upperdir: string;
  /** highest first; empty where they are no longer known */
  lowerdirs: string[];
  /** which overlayfs wrote the upperdir: `trusted`, `user` (mount option userxattr) or `fuse` (fuse-overlayfs) */
  overlay: OverlayFormat;
  /** where the archive goes: an absolute path, for the method `oci` with `:TAG` behind it */
  destination: string;
  method: ArchiveMethod;
  /** whiteouts in a tar: `overlay`, as they are in the upperdir, or `oci`, as they are in layers */
  whiteout: ArchiveWhiteout;
  /** owner of all files in a tar: `UID`, `UID:GID`, or empty to keep their own */
  owner: string;
  /**
   * directories on the host that the container could write to: in them and below, no symlink on the way to `destination`
   * may be followed
   */
  containerPaths: string[];
  /**
   * path of a file for the `fileIdentity` of the archive (`layerhook/system`), which is written before the archive takes
   * the name `destination`: a hook that is killed after that knows its archive when it tries again; '': none
   */
  identity: string;
  /** a directory at `destination` is an archive made before, in whose place this one may come */
  replace: boolean;
}

export interface TrySkipResult {
  skip: boolean;
}

/** Extracted on top of the layers below, in order: the default. */
export interface IntoRootfs {
  into: 'rootfs';
  /** directory other than rootfs that holds the layers below; default: rootfs */
  target?: string;
}

/** Extracted on its own, into its own directory: such layers are extracted in parallel. */
export interface IntoDirectory {
  into: 'directory';
  target: string;
  /** `overlay`: as overlayfs reads them */
  whiteouts: 'overlay';
  /** the namespace from which overlayfs will read its attributes; `user` for mounts with userxattr; default: `trusted` */
  overlayXattr?: OverlayXattr;
  /** keep the digest of all content, for post-extract's `writeMtree`; default: false */
  mtree?: boolean;
}

/**
 * The uncompressed tar goes to a file or FIFO, byte for byte, and nothing is extracted. Such layers are taken in parallel. If
 * the layer fails, `target` is removed.
 */
export interface IntoTar {
  into: 'tar';
  /**
   * A regular file gets its name when the tar is complete and verified, replaces an older one, has mode 0600, and is not
   * flushed to disk. A FIFO must exist. Its reader cannot see whether a tar that ends is verified: post-extract tells.
   */
  target: string;
  /** bytes of zeros before the tar, for a regular file that gets other content there later; default: 0 */
  offset?: number;
  /**
   * Called once, when the layer begins, with the entries that post-extract will get. They can be read while the tar is being
   * written; their list ends with the tar, and fails if the layer does. They are checked, but not yet verified by
   * the diffID. post-extract waits for the promise. If it is rejected, the layer fails.
   */
  onEntries?: (entries: EntryList) => Promise<void>;
  /**
   * seconds that the reader of a FIFO may take, and `onEntries` after the end of the tar; default: the timeout of the hook, or
   * 300; 0: without limit
   */
  timeout?: number;
}

/**
 * The uncompressed tar goes to the standard input of a program, byte for byte, and nothing is extracted. Such layers are
 * taken in parallel. The input ends only if the layer is verified. A program that fails, or does not read all, fails the layer.
 */
export interface IntoCommand {
  into: 'command';
  /** the program (looked up in the PATH of exec hooks, unless it is a path), and its arguments; no shell */
  argv: [string, ...string[]];
  /** file or directory that the program makes: missing before, removed if the layer fails */
  target?: string;
  /** seconds that the program may take; default: the timeout of the hook, or 300; 0: without limit */
  timeout?: number;
}

/** Where and how a layer goes. */
export type PreExtractResult = IntoRootfs | IntoDirectory | IntoTar | IntoCommand;

/** One row of what a delta-list hook gives. Without `kind`: a path missing in rootfs is deleted, others changed. */
export interface DeltaEntry {
  /** relative to rootfs; bytes, so text goes through `fromText` */
  path: ByteString;
  kind?: ChangeKind;
  inode?: string;
}

export interface ArchiveResult {
  archived: string;
  bytes?: number;
  entries?: number;
}

/**
 * first: asked in order until one handles it. every: all run, in order.
 * chain: each gets the result of the one before.
 */
export type PointKind = 'first' | 'every' | 'chain';

/**
 * Each lifecycle point: its kind, its context, what a hook gives. The words about them are in point-table.ts,
 * which the compiler holds against these types.
 */
export interface LifecyclePoints {
  'unpack.ociv1.layer.try-skip': { kind: 'first'; context: LayerContext; result: TrySkipResult };
  'unpack.ociv1.layer.pre-extract': { kind: 'first'; context: LayerContext; result: PreExtractResult };
  'unpack.ociv1.layer.post-extract': { kind: 'every'; context: PostExtractContext; result: void };
  'unpack.ociv1.bundle.assemble': { kind: 'first'; context: ImageContext; result: void };
  'unpack.ociv1.bundle.config': { kind: 'chain'; context: ConfigContext; result: Record<string, unknown> };
  'repack.ociv1.layer.delta-list': {
    kind: 'first';
    context: DeltaContext;
    result: Iterable<DeltaEntry> | AsyncIterable<DeltaEntry>;
  };
  'repack.ociv1.layer.refresh-bundle': { kind: 'first'; context: RefreshContext; result: void };
  'bundle.ociv1.mount': { kind: 'first'; context: MountContext; result: void };
  'bundle.ociv1.umount': { kind: 'first'; context: BundleContext; result: void };
  'bundle.ociv1.remove': { kind: 'every'; context: RemoveContext; result: void };
  'snapshot.ociv1.layer.try-skip': { kind: 'first'; context: SnapshotSkipContext; result: TrySkipResult };
  'snapshot.ociv1.layer.post-extract': { kind: 'every'; context: SnapshotExtractedContext; result: void };
  'runtime.ociv1.container.poststop-archive': {
    kind: 'first';
    context: PoststopContext;
    result: ArchiveResult;
  };
}

export type PointName = keyof LifecyclePoints;
export type PointContext<P extends PointName> = LifecyclePoints[P]['context'];
export type PointResult<P extends PointName> = LifecyclePoints[P]['result'];

/** The type of {@link declined}: an enum in place of `unique symbol`, which TypeScript widens to `symbol` in an async hook. */
declare enum DeclinedMark {
  declined = 'layerhook.declined',
}
export type Declined = DeclinedMark.declined;

/**
 * What a function hook returns to decline. `first`: the next hook is called; `chain`: the value stays;
 * `every`: as if it had returned.
 */
export const declined = Symbol.for('layerhook.declined') as unknown as Declined;

type Awaitable<T> = T | Promise<T>;

/** A function hook. `first` and `chain` points return their result, `every` points nothing. */
export type Hook<P extends PointName> = (context: PointContext<P>) => Awaitable<PointResult<P> | Declined>;

/** Hooks by point: what a module exports, and what hook sets and drivers are made of. */
export type Hooks = { [P in PointName]?: Hook<P> };

/**
 * What a failing hook does: end the operation (`abort`), only log, as if it had declined (`continue`, where the point
 * allows it), or let the changes be found by the mtree manifest (`mtree`, for delta-list).
 */
export type OnFailure = 'abort' | 'continue' | 'mtree';

/** Hooks with a name, as every operation takes them in `hooks`. */
export interface HookSet {
  /** shown in messages and errors */
  name: string;
  hooks: Hooks;
  /** default: `abort` */
  onFailure?: OnFailure | undefined;
  /** seconds that each hook may take; default 0: without limit */
  timeout?: number | undefined;
}

/** A storage driver: nothing but hooks with a name. */
export interface Driver extends Pick<HookSet, 'name' | 'hooks' | 'timeout'> {
  /** whether unpack writes umoci's mtree manifest if neither the caller nor hooks.toml says; default `always` */
  mtree?: 'always' | 'never';
  /**
   * Frees what the driver has open. Called when an operation is over, unless another one is using the driver at the same time.
   * A later operation may use the driver again.
   */
  close?(): Promise<void>;
}

/**
 * Makes a driver from its options: the `[driver]` table of hooks.toml without `name`, and `store`, the absolute path of
 * the directory where drivers keep layers, which is always there.
 *
 * @param api what `import 'layerhook'` gives. Loaded unless the factory has exactly one parameter.
 */
export type DriverFactory = (
  options: Record<string, unknown>,
  api: typeof import('layerhook'),
) => Driver | Promise<Driver>;
