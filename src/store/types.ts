import type { Usage } from '../layer/types.js';
import type { Mount } from '../overlay/mount-options.js';

/** Kinds of snapshot: containerd's `snapshots.Kind`. Only committed ones are parents. */
export type Kind = 'view' | 'active' | 'committed';

/** One snapshot as one client sees it. */
export interface Info {
  kind: Kind;
  /** its key (view, active) or name (committed); both share one space */
  name: string;
  /** name of the committed snapshot below, or '' */
  parent: string;
  labels: Record<string, string>;
  created: Date;
  updated: Date;
}

/** What a snapshot itself takes, parents not counted. */
export type { Mount, Usage };

export interface SnapshotOptions {
  labels?: Record<string, string> | undefined;
}

export interface PrepareOptions extends SnapshotOptions {
  /** Ends it, with ABORTED, where it would take long: while a layer is put there that is not in the store. */
  signal?: AbortSignal | undefined;
}

export interface AdoptOptions extends SnapshotOptions {
  /** only a layer that is known to be the lowest of its chain */
  onlyLowest?: boolean | undefined;
}

export interface CommitOptions extends SnapshotOptions {
  /** name of the parent, for a snapshot that was prepared without one; containerd's "rebase" capability */
  parent?: string | undefined;
}

/**
 * containerd's Snapshotter, as the library, the gRPC server and its client have it.
 *
 * Every method throws a LayerhookError: SNAPSHOT_NOT_FOUND, SNAPSHOT_EXISTS, SNAPSHOT_PRECONDITION or SNAPSHOT_ARGUMENT where
 * containerd's interface names NotFound, AlreadyExists, FailedPrecondition and InvalidArgument; prepare, view and mounts
 * throw SNAPSHOT_BROKEN where a layer cannot be used.
 */
export interface Snapshotter {
  stat(name: string): Promise<Info>;
  /** @param fieldpaths `labels`, `labels.NAME`; none: all that may change */
  update(info: Pick<Info, 'name' | 'labels'>, fieldpaths?: string[]): Promise<Info>;
  usage(name: string): Promise<Usage>;
  /** the mounts of an active snapshot or a view */
  mounts(key: string): Promise<Mount[]>;
  /** @param parent '' for none */
  prepare(key: string, parent: string, options?: PrepareOptions): Promise<Mount[]>;
  view(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]>;
  commit(name: string, key: string, options?: CommitOptions): Promise<void>;
  remove(name: string): Promise<void>;
  /** @param filters containerd's filter syntax; a snapshot is given if one of them matches, all if there are none */
  walk(filters?: string[]): AsyncIterable<Info>;
  /** frees what removed snapshots and interrupted work left on disk */
  cleanup(): Promise<void>;
  /** frees handles; deletes nothing */
  close(): Promise<void>;
}

/** What a layer is known by, whoever extracted it. */
export interface LayerIdentity {
  /** digest of the uncompressed layer */
  diffID: string;
  /** names the layer on top of all below it; image-spec config.md, "Layer ChainID" */
  chainID: string;
  /** how owners were mapped: '' for as they are in the layer, else a name that tells maps apart */
  map: string;
}

/** Something that a layer's content took from the layers below it, and of which content it holds only then. */
export interface LayerDependency {
  /** path in the layer, latin1 bytes */
  path: string;
  /** what was taken: a text that is equal for other layers below if and only if the result would be the same */
  value: string;
}

/** A layer that one process extracts: others that want it wait, or do without. */
export interface LayerExtraction {
  /** key of the active snapshot */
  key: string;
  /** directory to extract into: private, empty */
  target: string;
  /** file to write an mtree manifest of the settled layer to, before the commit: what `layerhook store verify` reads */
  manifest: string;
  /** Commits it as the layer, with the name that {@link LayerStore.nameOf} says, on top of `parent`. */
  commit(options: {
    parent: string;
    /** what settling took from below; null: it cannot be used on top of other layers */
    dependencies: LayerDependency[] | null;
    labels?: Record<string, string> | undefined;
    /** what all of `target` takes; default: it is looked at */
    usage?: Usage | undefined;
  }): Promise<void>;
  /** Gives it up: removes the snapshot, lets others try. */
  discard(): Promise<void>;
}

/** What the overlay driver needs of a store beyond a Snapshotter: layers, known by what they are. */
export interface LayerStore extends Snapshotter {
  /** the name that a layer has as a committed snapshot */
  nameOf(layer: LayerIdentity): string;
  /**
   * Whether the layer is there, whole and proven, for this client; if another client has it, or it is there on top of other
   * layers and took nothing from them that is not the same here, it gets its name here.
   *
   * @param parent name of the layer below it in this client, or ''
   * @param dependencyAt what {@link LayerDependency} `value` is for `path`, on top of `parent`
   */
  find(layer: LayerIdentity, parent: string, dependencyAt: (path: string) => string): Promise<boolean>;
  /**
   * Begins to extract a layer, or waits while another process does.
   *
   * @returns null if the layer is there now
   */
  extract(
    layer: LayerIdentity,
    parent: string,
    options: { signal: AbortSignal },
  ): Promise<LayerExtraction | null>;
  /** directories of the layers from `name` down, highest first: what a mount gives as lowerdirs */
  lowerdirs(name: string): Promise<string[]>;
  /** the directory of an active snapshot's or committed layer's own files */
  directory(name: string): Promise<string>;
}

/** Where someone else than an extractor puts a layer: {@link Store.provide}. */
export interface LayerFilling {
  /**
   * Makes an empty directory in the place of the one before, with the attributes of the root directory of the layers below.
   * It is to become the layer as overlayfs wants it.
   *
   * @returns its path
   */
  fresh(): Promise<string>;
  /**
   * Whether the directory can be a layer: it is one, without mounts in it, and has no whiteouts but those of overlayfs. It is
   * checked before the commit in any case.
   *
   * @throws LayerhookError SNAPSHOT_ARGUMENT, SYSTEM
   */
  check(): Promise<void>;
}

export interface ProvideOptions extends SnapshotOptions {
  /** ends the waiting for others who extract the layer */
  signal: AbortSignal;
  /** @returns whether it has filled the directory */
  fill(filling: LayerFilling): Promise<boolean>;
}

/** A directory of the store, whoever uses it. */
export interface ContentInfo {
  /** its directory is `snapshots/ID` */
  id: string;
  /** the snapshots that it is, of all clients */
  names: { client: string; name: string; kind: Kind }[];
  /** of a committed one that is known as a layer; `diffID` is '' where it is not known */
  layer?: { diffID: string; chainIDs: string[]; map: string };
  /** of a committed one */
  usage?: Usage;
  created: Date;
  lastUsed: Date;
  /** its own files */
  directory: string;
  /** mtree manifest of its files; there only if its extractor wrote one */
  manifest: string;
  /** known to be on disk */
  flushed: boolean;
  /** whether it is there and used as it is; if not, who wants the layer extracts it again */
  trusted: boolean;
  /** what was found to be wrong with it */
  damaged?: string;
  /** what is wrong with `directory`, if it is not there */
  missing?: string;
}

/** A snapshot that cannot, or should not, be used. */
export interface SnapshotFault {
  name: string;
  /** of its content */
  id: string;
  why: string;
}

/** What a garbage collection may free. */
export interface GarbagePolicy {
  /** bytes of the client's layers at which to stop; default 0 */
  keepBytes?: number | undefined;
  /** ms for which a layer must not have been used; default 0 */
  unusedFor?: number | undefined;
  /** only say what would be freed */
  dryRun?: boolean | undefined;
}

export interface GarbageResult {
  /** oldest first; `freed` is false where another client keeps the content */
  removed: { name: string; id: string; bytes: number; freed: boolean }[];
  /** bytes on disk that were freed */
  bytes: number;
}

/** What a store takes, and what its filesystem has left. */
export interface StoreFilesystem {
  root: string;
  /** number of contents, and what the committed ones are known to take; those of the last second may not be measured yet */
  contents: number;
  bytes: number;
  inodes: number;
  /** bytes of the filesystem */
  size: number;
  /** bytes that this user may still use */
  free: number;
}

/** A LayerStore with what looks after it. */
export interface Store extends LayerStore {
  /** as `close`: for `await using` */
  [Symbol.asyncDispose](): Promise<void>;
  /** whose names these are */
  readonly client: string;
  /** every content, of all clients; or those of them with these ids */
  list(ids?: string[]): Promise<ContentInfo[]>;
  /**
   * Writes the store's filesystem to its disk; what was committed before is trusted under any boot then. Notes what commits
   * of a server take, which do not wait for that.
   */
  sync(): Promise<void>;
  /**
   * Notes that a content is not what it should be: who wants the layer extracts it again.
   *
   * @throws LayerhookError SNAPSHOT_NOT_FOUND
   */
  markDamaged(id: string, why: string): Promise<void>;
  /**
   * Notes that a content was read from disk and is what it should be: it is trusted again.
   *
   * @throws LayerhookError SNAPSHOT_NOT_FOUND
   */
  markVerified(id: string): Promise<void>;
  /**
   * Gives a layer that the store has, on top of the same chain, one more name: what a client asks for that names layers in
   * its own way. The name gets the label `containerd.io/snapshot.ref` too.
   *
   * @param parent name of the layer below it in this client, or ''
   * @returns false if the store does not have the layer
   * @throws LayerhookError SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION for the parent
   */
  adopt(name: string, layer: LayerIdentity, parent: string, options?: AdoptOptions): Promise<boolean>;
  /**
   * As {@link adopt}, for a layer that the store may not have: `fill` is asked for it then. Who else wants the layer waits,
   * and finds it. Nobody sees it, and no garbage collection takes it, before it is whole; it has no name but this one then.
   *
   * @returns false if the store does not have the layer, nor `fill`
   * @throws LayerhookError as `adopt`; ABORTED; SNAPSHOT_ARGUMENT if it cannot be a layer; what `fill` throws
   */
  provide(name: string, layer: LayerIdentity, parent: string, options: ProvideOptions): Promise<boolean>;
  /**
   * Snapshots of this client that are broken themselves, not by what is below: a look at each, not a deep one.
   *
   * @param names only these, if they are there
   */
  faults(names?: string[]): Promise<SnapshotFault[]>;
  /**
   * The names that a layer has as committed snapshots of this client on top of `parent`, with its chainID in the label
   * `containerd.io/snapshot.ref`; trusted or not.
   */
  namesOf(layer: LayerIdentity, parent: string): Promise<string[]>;
  /** ids of contents below `name`, itself included if it is committed, that are not trusted, highest first */
  untrusted(name: string): Promise<string[]>;
  /**
   * Frees layers of this client that no active snapshot or view needs and no label `containerd.io/gc.root` keeps, the
   * longest unused first. What a process found or extracted and has not yet used stays, until that closes the store.
   */
  gc(policy?: GarbagePolicy): Promise<GarbageResult>;
  df(): Promise<StoreFilesystem>;
}

/** When a committed snapshot is trusted: see docs/store.md. */
export type Durability = 'boot' | 'sync' | 'none';

export interface StoreOptions {
  /** directory of the store; made, with mode 0700, if it is not there */
  root: string;
  /** whose names: `layerhook` for the CLI; up to 64 letters, digits and `_ . -` */
  client?: string | undefined;
  /** default `boot` */
  durability?: Durability | undefined;
  /**
   * Refuse to prepare, view and mount what is on top of a layer that is not trusted (SNAPSHOT_BROKEN): for who does not
   * look at `untrusted`. What cannot be mounted is always refused.
   */
  requireTrust?: boolean | undefined;
}
