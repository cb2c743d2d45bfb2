import type { Mount } from '../../overlay/mount-options.js';

/** Where a bundle is: its final path, and its rootfs, which may be in a staging directory. */
export interface BundlePlace {
  /** absolute path */
  bundle: string;
  /** absolute path; its parent is the directory of the bundle */
  rootfs: string;
}

/** A bundle and its image, as a store records them. The context of a lifecycle point has all of it. */
export interface BundleSource extends BundlePlace {
  layout: string;
  /** tag of the image */
  reference: string;
  manifestDescriptor: { digest: string };
}

/** A bundle as a store knows it: an active snapshot with the labels of docs/store.md, "Bundles". */
export interface StoredBundle {
  /** key of its snapshot */
  key: string;
  /** absolute path: where it is mounted, else where it was last */
  bundle: string;
  /** name of its driver; null in records of earlier versions */
  driver: string | null;
  /** tag and manifest digest of the image that the snapshot was made for; null if they are not recorded */
  image: { tag: string | null; digest: string } | null;
  /** True if the directory at `bundle` is this bundle: neither another bundle nor a copy. */
  isThere: boolean;
  /** True if the directory of its changes is gone, or their record is damaged. */
  isLost: boolean;
  /** where its changes are mounted in this mount namespace; mounts of fuse-overlayfs are not seen */
  mountPoints: string[];
  /**
   * the process that made the snapshot has closed the store (`finished`), still has it open (`building`), or died with the store
   * open (`abandoned`); also abandoned is a record whose bundle and changes are both gone
   */
  progress: 'finished' | 'building' | 'abandoned';
}

/** The bundles of a store's client. Each driver that keeps the changes of bundles in snapshots records them here. */
export interface BundleRecords {
  /**
   * Creates the active snapshot of a new bundle, or of one that gets another image. Until this store is closed, other
   * processes see that the bundle is being built.
   *
   * @param key of the snapshot
   * @param parent as for `prepare`
   * @param driver name of the driver
   * @returns as `prepare`
   */
  prepare(key: string, parent: string, driver: string, source: BundleSource): Promise<Mount[]>;
  /** Records that a bundle, whose snapshot stays the same, now has another image. @throws LayerhookError SNAPSHOT_NOT_FOUND */
  update(key: string, driver: string, source: BundleSource): Promise<void>;
  /**
   * Requires that a snapshot belongs to this bundle, not to the original of a copy. A bundle that was moved keeps its
   * snapshot, and its new path is recorded.
   *
   * @throws LayerhookError BUNDLE_COPY, BUNDLE_INVALID; BUNDLE_DAMAGED if the store lacks the snapshot or its files
   */
  require(key: string, place: BundlePlace): Promise<void>;
  /**
   * Gives a snapshot of another directory to the bundle, at the operator's request.
   *
   * @throws LayerhookError BUNDLE_COPY while the other directory exists; BUNDLE_BUSY while the snapshot is mounted; BUNDLE_DAMAGED
   */
  claim(key: string, place: BundlePlace): Promise<void>;
  /**
   * Removes a snapshot that belongs to this bundle. A missing snapshot is fine.
   *
   * @returns the path of the other bundle that the snapshot belongs to; undefined if it is gone
   */
  remove(key: string, place: BundlePlace): Promise<string | undefined>;
  /** Records that a bundle is finished although the process that built it died. */
  settle(key: string): Promise<void>;
  /** Returns all bundles, sorted by path. @throws LayerhookError SYSTEM */
  list(): Promise<StoredBundle[]>;
}
