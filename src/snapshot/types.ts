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
export interface Usage {
  /** bytes on disk */
  size: number;
  inodes: number;
}

/** One mount(8): containerd's `mount.Mount`, in the order in which they are to be done. */
export interface Mount {
  type: 'overlay' | 'bind';
  source: string;
  /** path below the place where it is mounted; '' for that place itself */
  target: string;
  options: string[];
}

export interface SnapshotOptions {
  labels?: Record<string, string> | undefined;
}

export interface CommitOptions extends SnapshotOptions {
  /** name of the parent, for a snapshot that was prepared without one; containerd's "rebase" capability */
  parent?: string | undefined;
}

/**
 * containerd's Snapshotter, as the library, the gRPC server and its client have it.
 *
 * Every method throws a LayerhookError: SNAPSHOT_NOT_FOUND, SNAPSHOT_EXISTS, SNAPSHOT_PRECONDITION or SNAPSHOT_ARGUMENT where
 * containerd's interface names NotFound, AlreadyExists, FailedPrecondition and InvalidArgument.
 */
export interface Snapshotter {
  stat(name: string): Promise<Info>;
  /** @param fieldpaths `labels`, `labels.NAME`; none: all that may change */
  update(info: Pick<Info, 'name' | 'labels'>, fieldpaths?: string[]): Promise<Info>;
  usage(name: string): Promise<Usage>;
  /** the mounts of an active snapshot or a view */
  mounts(key: string): Promise<Mount[]>;
  /** @param parent '' for none */
  prepare(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]>;
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

/** When a committed snapshot is trusted: see docs/store.md. */
export type Durability = 'boot' | 'sync' | 'none';

export interface StoreOptions {
  /** directory of the store; made, with mode 0700, if it is not there */
  root: string;
  /** whose names: `layerhook` for the CLI */
  client?: string | undefined;
  /** default `boot` */
  durability?: Durability | undefined;
}
