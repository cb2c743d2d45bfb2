import type { ByteString } from '../system/bytes.js';
import type { LayerBudget } from '../tar/budget.js';
import type { ByteSource, EntryType, TarEntry, Time } from '../tar/types.js';

export type { ByteSource, EntryType, TarEntry, Time };

/** An entry of a layer that was not extracted. It has passed the same checks of names and types as in an extraction. */
export interface CheckedEntry extends Omit<TarEntry, 'name' | 'type'> {
  /** clean path in the root: `..` is resolved, and never leads above the root; `.` is the root directory */
  path: ByteString;
  /** `whiteout`: the layers below lose `path`; `opaque`: they lose everything in the directory `path` */
  type: EntryType | 'whiteout' | 'opaque';
  /** target of a symlink, unchanged; clean path of a hardlink's target; else '' */
  linkname: ByteString;
  /** offset in the tar of the stored content, in bytes */
  offset: number;
  /** bytes of content that the tar stores; less than `size` if the file is sparse */
  stored: number;
  /** where the stored bytes of a sparse file belong: offset, length, offset, length, ...; null for other files */
  sparse: readonly number[] | null;
}

/** The entries of a layer in the order of its tar, read from a file: their number does not matter for memory. */
export interface EntryList extends AsyncIterable<CheckedEntry> {
  /** the file: one JSON object a line, docs/hook-protocol.md; removed when post-extract is over */
  readonly file: string;
  /** what the layers of the operation may cost: for a driver that resolves the paths of the entries itself */
  readonly budget: LayerBudget;
  /**
   * Gives the same entries in arrays, which takes half the time.
   *
   * @param only `whiteouts`: only the whiteouts and opaque markers, in a tenth of the time
   */
  batches(only?: 'whiteouts'): EntryBatches;
}

export type EntryBatches = AsyncIterable<readonly CheckedEntry[]> | Iterable<readonly CheckedEntry[]>;

/** One range of a user namespace mapping; runtime-spec config-linux.md, "User namespace mappings". */
export interface IdRange {
  containerID: number;
  hostID: number;
  size: number;
}

/** Maps owners in a layer to owners on disk, and back. Empty lists: unchanged. */
export interface MapOptions {
  uidMappings: IdRange[];
  gidMappings: IdRange[];
  /** true: no privileges (umoci's --rootless): owners go to `user.rootlesscontainers`, devices become empty files */
  rootless: boolean;
}

/** Namespace of the xattrs that overlayfs interprets. */
export type OverlayXattr = 'trusted' | 'user';

export interface ApplyOptions {
  map: MapOptions;
  /** how whiteouts are written: `overlay`, as overlayfs reads them; null: they remove the files that they hide */
  whiteouts: 'overlay' | null;
  /** true: a symlink to a directory stays if the layer has a directory of its name (umoci's --keep-dirlinks) */
  keepDirlinks: boolean;
  /** namespace from which overlayfs reads its xattrs: `trusted`, or `user` for mounts with userxattr */
  overlayXattr: OverlayXattr;
  /** if whiteouts are written: directories of the layers below, highest first; default: unknown, see {@link Unsettled} */
  lowerdirs?: readonly string[];
}

/** The location of a layer's blob, and its expected size and digests. */
export interface LayerSource {
  /** file of the blob */
  path: string;
  /** bytes of the file that are the blob, in an archive; missing: the whole file */
  range?: { offset: number; size: number } | undefined;
  /** embedded blob instead of a file (descriptor's `data`) */
  data?: Uint8Array | undefined;
  digest: string;
  /** bytes of the blob */
  size: number;
  mediaType: string;
  diffID: string;
  /** largest window of a zstd stream in bytes; default 128 MiB */
  zstdWindow?: number | undefined;
  /** what the layers of the operation may cost; default: the default limits, for this layer alone */
  budget?: LayerBudget | undefined;
}

/** What independent extraction could not decide without the layers below; post-extract fixes it up. */
export interface Unsettled {
  /** directories without an entry, made only for entries below them, parents first */
  implicitDirectories: ByteString[];
  /**
   * implicit directories that hold only whiteouts: they must be removed if the layers below have no directory of this
   * path, because there is nothing to hide
   */
  hidingDirectories: ByteString[];
  /** whiteouts: they must be removed if the layers below have no file of this path, because a directory would list them */
  whiteouts: ByteString[];
  /** hardlinks whose target is not in this layer */
  lowerHardlinks: { path: ByteString; target: ByteString }[];
  /**
   * other paths that the extraction took for directories: the result is wrong if the layers below have a symlink there, as
   * with `implicitDirectories`
   */
  assumedDirectories: ByteString[];
  /** paths that a hardlink led to, and that the extraction took for missing: the result is wrong if the layers below have them */
  assumedMissing: ByteString[];
  /**
   * an entry whose path or link leads nowhere, unless the layers below lead it elsewhere: the extraction ended there. The
   * layer is refused unless post-extract extracts it again.
   */
  refused: { name: string; reason: string } | null;
}

/** Of a layer that needs no fixing up: it is empty, or was not extracted. */
export const nothingUnsettled: Unsettled = {
  implicitDirectories: [],
  hidingDirectories: [],
  whiteouts: [],
  lowerHardlinks: [],
  assumedDirectories: [],
  assumedMissing: [],
  refused: null,
};

/** Disk usage of files. */
export interface Usage {
  /** allocated bytes */
  size: number;
  inodes: number;
}

/** The result of applying one layer. */
export interface AppliedLayer {
  digest: string;
  diffID: string;
  /** uncompressed bytes of the whole stream */
  bytes: number;
  entries: number;
  unsettled: Unsettled;
}

/** How one path differs from the layers below. `add` and `modify` become an entry, `delete` a whiteout. */
export type ChangeKind = 'add' | 'modify' | 'delete';

/** One change of a delta. `path` is relative to the rootfs, without a leading slash; `.` is the rootfs itself. */
export interface Change {
  path: ByteString;
  kind: ChangeKind;
  /** for a directory: hides everything that lower layers have in it; image-spec layer.md, "Opaque Whiteout" */
  opaque?: boolean;
  /**
   * names the file: changes with the same text are hard links of one file. Default: the inode that the rootfs shows, which
   * a mounted overlay may have several of for one file
   */
  inode?: string;
}

export type { Compression } from './compression/registry.js';
