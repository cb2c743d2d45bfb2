import type { Usage } from '../layer/types.js';
import type { LowerDependency } from '../overlay/fix-up/fix-up.js';
import type { Mount } from '../overlay/mount-options.js';
import type { OnProgress } from '../system/work-progress.js';
import type { BundleRecords } from './bundles/types.js';

/** Kinds of snapshot: containerd's `snapshots.Kind`. Only a committed snapshot can be a parent. */
export type Kind = 'view' | 'active' | 'committed';

/** A snapshot as one client sees it. */
export interface Info {
  kind: Kind;
  /** its key (view, active) or name (committed); keys and names share one space */
  name: string;
  /** name of the committed snapshot below, or '' */
  parent: string;
  labels: Record<string, string>;
  created: Date;
  updated: Date;
}

/** Usage: what a snapshot itself takes on disk, without its parents. */
export type { Mount, Usage };

export interface SnapshotOptions {
  labels?: Record<string, string> | undefined;
}

export interface PrepareOptions extends SnapshotOptions {
  /** Aborts a call that takes long because a hook provides the missing layer; the call throws ABORTED. */
  signal?: AbortSignal | undefined;
}

export interface AdoptOptions extends SnapshotOptions {
  /** True: adopt only a layer known to be the lowest of its chain. */
  onlyLowest?: boolean | undefined;
}

export interface CommitOptions extends SnapshotOptions {
  /** name of the parent of a snapshot that was prepared without one; containerd's "rebase" capability */
  parent?: string | undefined;
  /** present: keep the files in an EROFS image; `verity`: true enables fs-verity where the filesystem has it */
  image?: { verity: boolean } | undefined;
}

/**
 * containerd's Snapshotter: the interface that the library, the gRPC server and its client share.
 *
 * Every method throws a LayerhookError: SNAPSHOT_NOT_FOUND, SNAPSHOT_EXISTS, SNAPSHOT_PRECONDITION or SNAPSHOT_ARGUMENT where
 * containerd's interface names NotFound, AlreadyExists, FailedPrecondition and InvalidArgument. prepare, view and mounts
 * throw SNAPSHOT_BROKEN if a layer cannot be used.
 */
export interface Snapshotter {
  stat(name: string): Promise<Info>;
  /** @param fieldpaths fields to change: `labels` or `labels.NAME`; empty: all labels */
  update(info: Pick<Info, 'name' | 'labels'>, fieldpaths?: string[]): Promise<Info>;
  usage(name: string): Promise<Usage>;
  /** Returns the mounts of an active snapshot or a view. */
  mounts(key: string): Promise<Mount[]>;
  /** @param parent name of a committed snapshot; '' for no parent */
  prepare(key: string, parent: string, options?: PrepareOptions): Promise<Mount[]>;
  view(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]>;
  commit(name: string, key: string, options?: CommitOptions): Promise<void>;
  remove(name: string): Promise<void>;
  /** @param filters containerd's filter syntax; yields the snapshots that match one of them, or all without filters */
  walk(filters?: string[]): AsyncIterable<Info>;
  /** Deletes the files that removed snapshots and interrupted work left on disk. */
  cleanup(): Promise<void>;
  /** Closes the handles; deletes nothing. */
  close(): Promise<void>;
  /** as `close`: for `await using` */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Identifies a layer, independent of the client that extracted it. */
export interface LayerIdentity {
  /** digest of the uncompressed layer */
  diffID: string;
  /** identifies the layer together with all layers below it; image-spec config.md, "Layer ChainID" */
  chainID: string;
  /** ID mapping of the owners: '' for the owners of the layer, else a name that is unique to the mapping */
  map: string;
}

/** A layer that one process extracts, while other processes that need it wait. */
export interface LayerExtraction {
  /** key of the active snapshot */
  key: string;
  /** private, empty directory to extract into */
  target: string;
  /** path for the mtree of the fixed-up layer, written before the commit; `layerhook store verify` reads it */
  mtree: string;
  /** path for an EROFS image of the layer, made before the commit in place of files in `target` */
  image: string;
  /** Commits the layer on top of `parent`, under the name that {@link LayerStore.nameOf} returns. */
  commit(options: {
    parent: string;
    /** what the fix-up took from the lower layers; null: the layer cannot be used on top of other layers */
    dependencies: LowerDependency[] | null;
    labels?: Record<string, string> | undefined;
    /** usage of `target`; default: the commit measures it */
    usage?: Usage | undefined;
    /** present if `image` holds the files: bytes of its tar, and whether fs-verity is enabled where the filesystem has it */
    erofs?: { tarBytes: number; verity: boolean } | undefined;
  }): Promise<void>;
  /** Removes the snapshot and releases the lock, so that other processes can try. */
  discard(): Promise<void>;
}

/** A Snapshotter that knows layers by their identity, as the overlay driver needs it. */
export interface LayerStore extends Snapshotter {
  /** the bundles whose changes are in active snapshots of this client */
  readonly bundles: BundleRecords;
  /** Returns the name of a layer's committed snapshot. */
  nameOf(layer: LayerIdentity): string;
  /**
   * Looks up a trusted layer for this client. A layer of another client gets a name in this client; so does the same layer
   * on top of other lower layers, if everything it took from those is the same on top of `parent`.
   *
   * @param parent name of the layer below it in this client, or ''
   * @param dependencyAt returns the {@link LowerDependency} `value` of `path` on top of `parent`
   * @returns true if this client has the layer now
   */
  find(layer: LayerIdentity, parent: string, dependencyAt: (path: string) => string): Promise<boolean>;
  /**
   * Begins to extract a layer; waits while another process extracts it.
   *
   * @returns null if the store has the layer now
   */
  extract(
    layer: LayerIdentity,
    parent: string,
    options: { signal: AbortSignal },
  ): Promise<LayerExtraction | null>;
  /**
   * Returns the directories of the layers from `name` down, highest first: the lowerdirs of a mount. Layers that are EROFS
   * images stay mounted there until the store is closed.
   */
  lowerdirs(name: string): Promise<string[]>;
  /** Returns the directory with the own files of an active snapshot or committed layer, mounted as {@link lowerdirs} are. */
  directory(name: string): Promise<string>;
  /**
   * Unmounts the EROFS images of layers on which no overlay stands, unless another process uses them. Closing the store does
   * it too, if this process has mounted or used an image.
   */
  unmountUnused(): Promise<void>;
}

/** A layer that is one EROFS image, which is mounted at the content's directory. */
export interface ErofsRecord {
  /** bytes of the layer's tar in the image */
  tarBytes: number;
  /** present if the image was made from a directory: it has a copy of the files, and no tar */
  from?: 'directory';
  /** digest of the rest of the image */
  metadata: string;
  /** fs-verity digest of the image, in hexadecimal; missing without fs-verity */
  verity?: string;
}

/** The directory that a hook or program fills with a layer: {@link Store.provide}. */
export interface LayerFilling {
  /**
   * Creates an empty directory, replacing the previous one, with the attributes of the lower layers' root directory. Fill
   * it with the layer in the format of overlayfs.
   *
   * @returns its path
   */
  fresh(): Promise<string>;
  /**
   * Checks that the directory can be a layer: it contains neither mounts nor whiteouts in the form of tars (`.wh.`). The
   * commit checks it too.
   *
   * @throws LayerhookError SNAPSHOT_ARGUMENT, SYSTEM
   */
  check(): Promise<void>;
}

export interface ProvideOptions extends SnapshotOptions {
  /** aborts the wait for other processes that extract the layer */
  signal: AbortSignal;
  /** @returns true if it has filled the directory */
  fill(filling: LayerFilling): Promise<boolean>;
}

/** A content of the store: a directory that snapshots of any client share. */
export interface ContentInfo {
  /** its directory is `snapshots/ID` */
  id: string;
  /** the snapshots of all clients that point to it */
  names: { client: string; name: string; kind: Kind }[];
  /** present if a committed content is a known layer; `diffID` is '' if it is unknown */
  layer?: { diffID: string; chainIDs: string[]; map: string };
  /** present if the content is committed */
  usage?: Usage;
  created: Date;
  lastUsed: Date;
  /** directory with its own files; the mount point of the image, if the layer is one */
  directory: string;
  /** present if the layer is an EROFS image */
  erofs?: { image: string } & ErofsRecord;
  /** path of the mtree of its files; the file exists only if its extractor wrote it */
  mtree: string;
  /** True if it is known to be on disk. */
  flushed: boolean;
  /** True if it exists and is used without a check. An untrusted layer is extracted again when it is next needed. */
  trusted: boolean;
  /** why it is damaged, if a check found that */
  damaged?: string;
  /** why `directory` cannot be used, if it is missing */
  missing?: string;
}

/** A snapshot that is untrusted: damaged, missing, or possibly incomplete after a power loss. */
export interface UntrustedSnapshot {
  name: string;
  /** ID of its content */
  id: string;
  why: string;
}

/** Limits of a garbage collection. */
export interface GarbagePolicy {
  /** stop when the client's layers take no more than this, in bytes; default 0 */
  keepBytes?: number | undefined;
  /** free only layers unused for this long, in ms; default 0 */
  unusedFor?: number | undefined;
  /** True: report what would be freed, and free nothing. */
  dryRun?: boolean | undefined;
  /**
   * called while the files of the layers are removed: `done` of `total` and `entries` count files; the bytes of the present layer
   * are estimated from its files
   */
  onFreed?: OnProgress | undefined;
}

export interface GarbageResult {
  /** oldest first; `freed` is false if another client keeps the content */
  removed: { name: string; id: string; bytes: number; freed: boolean }[];
  /** disk space freed, in bytes */
  bytes: number;
}

/** Disk space: what a store takes and what its filesystem has left. */
export interface StoreFilesystem {
  root: string;
  /** number of contents */
  contents: number;
  /** disk space of the committed contents; contents committed in the last second may not be measured yet */
  bytes: number;
  inodes: number;
  /** size of the filesystem, in bytes */
  size: number;
  /** bytes that this user may still use */
  free: number;
}

/** A LayerStore with the operations that maintain it. */
export interface Store extends LayerStore {
  /** owner of the names that this store sees */
  readonly client: string;
  /** Returns the contents of all clients, or only those with these IDs. */
  list(ids?: string[]): Promise<ContentInfo[]>;
  /**
   * Flushes the store's filesystem to disk. Contents committed before are trusted under any boot afterwards. Also records
   * the usage of commits of a server, which do not wait for the measurement.
   */
  sync(): Promise<void>;
  /**
   * Marks a content as damaged: its layer is extracted again when it is next needed.
   *
   * @throws LayerhookError SNAPSHOT_NOT_FOUND
   */
  markDamaged(id: string, why: string): Promise<void>;
  /**
   * Marks a content as verified after its files were read and found correct: it is trusted again.
   *
   * @throws LayerhookError SNAPSHOT_NOT_FOUND
   */
  markVerified(id: string): Promise<void>;
  /**
   * Gives a stored layer another name on top of the same chain, for a client that names layers in its own way. The name
   * also gets the label `containerd.io/snapshot.ref`.
   *
   * @param parent name of the layer below it in this client, or ''
   * @returns false if the store does not have the layer
   * @throws LayerhookError SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION for the parent
   */
  adopt(name: string, layer: LayerIdentity, parent: string, options?: AdoptOptions): Promise<boolean>;
  /**
   * As {@link adopt}, but calls `fill` for a layer that the store does not have. Other processes that need the layer wait
   * for the result. Until the layer is complete, neither clients nor garbage collection see it; then it has only this name.
   *
   * @returns false if neither the store nor `fill` has the layer
   * @throws LayerhookError as `adopt`; ABORTED; SNAPSHOT_ARGUMENT if the directory cannot be a layer; errors of `fill`
   */
  provide(name: string, layer: LayerIdentity, parent: string, options: ProvideOptions): Promise<boolean>;
  /**
   * Returns the snapshots of this client that are untrusted themselves, independent of their parents. Checks records and
   * directories, without reading files.
   *
   * @param names only these, if they exist
   */
  untrustedSnapshots(names?: string[]): Promise<UntrustedSnapshot[]>;
  /**
   * Returns the names of a layer's committed snapshots in this client on top of `parent`, with its chainID in the label
   * `containerd.io/snapshot.ref`; trusted or untrusted.
   */
  namesOf(layer: LayerIdentity, parent: string): Promise<string[]>;
  /** Returns the IDs of untrusted contents from `name` down, highest first. `name` itself counts if it is committed. */
  untrusted(name: string): Promise<string[]>;
  /**
   * Frees the layers of this client that no active snapshot or view needs and no label `containerd.io/gc.root` keeps, the
   * longest unused first. A layer that a process found or extracted stays until that process closes the store.
   */
  gc(policy?: GarbagePolicy): Promise<GarbageResult>;
  df(): Promise<StoreFilesystem>;
}

/** Decides when a committed snapshot is trusted: see docs/store.md. */
export type Durability = 'boot' | 'sync' | 'none';

export interface StoreOptions {
  /** directory of the store */
  root: string;
  /** a missing store is created with mode 0700 (default), or refused (STORE_NOT_FOUND) */
  create?: boolean | undefined;
  /** owner of the names, `layerhook` for the CLI; up to 64 letters, digits and `_ . -` */
  client?: string | undefined;
  /** default `boot` */
  durability?: Durability | undefined;
  /**
   * True: refuse to prepare, view and mount on top of an untrusted layer (SNAPSHOT_BROKEN), for callers that do not check
   * `untrusted`. A layer with missing content is always refused.
   */
  requireTrust?: boolean | undefined;
}
