import { constants, openSync, realpathSync } from 'node:fs';
import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { close } from '../../system/close.js';
import { closeOnError } from '../../system/close-on-error.js';
import { flock } from '../../system/lock.js';
import { isMountPoint, unmount } from '../../system/mount.js';
import { mountErofs } from '../../system/mount-erofs.js';
import { type MountInfo, readMountInfo } from '../../system/mountinfo.js';
import { overlayDirsOf } from '../../system/overlay-options.js';
import { verityDigest } from '../../system/verity.js';
import type { ContentRecord } from '../metadata/record-types.js';
import type { ErofsRecord } from '../types.js';
import type { Directories } from './directories.js';

/** name of the file that every process locks shared that uses mounts of images, and exclusively to unmount them */
const useLock = 'images';

/** A content whose files are in an EROFS image. */
export interface ImageOf {
  content: string;
  record: ErofsRecord;
}

/**
 * Returns those of the contents whose files are in EROFS images.
 *
 * @param records the records of the contents, in the same order
 */
export function imagesOf(contents: readonly string[], records: readonly ContentRecord[]): ImageOf[] {
  return contents.flatMap((content, at) => {
    const { erofs } = records[at]!;
    return erofs === undefined ? [] : [{ content, record: erofs }];
  });
}

/**
 * The mounts of the store's EROFS images, one for each image, at the content's directory. The mount table shows which are used:
 * an image stays mounted while an overlay of this mount namespace has it as lowerdir, or while a process that may be
 * about to mount such an overlay has the store open. So no mount is lost or left over when a process is killed.
 */
export class ErofsMounts {
  readonly #directories: Directories;
  #fd: number | undefined;

  constructor(directories: Directories) {
    this.#directories = directories;
  }

  /** True if this process uses images. */
  get isUsed(): boolean {
    return this.#fd !== undefined;
  }

  /** True if this process uses images, and these are mounted. */
  areMounted(images: readonly ImageOf[]): boolean {
    return this.isUsed && images.every(({ content }) => this.#isMounted(content));
  }

  /**
   * Mounts images that are not mounted yet. Call it inside a write transaction, so that two processes do not mount the same
   * image, and no process unmounts it meanwhile.
   *
   * @throws LayerhookError MOUNT_FAILED, SNAPSHOT_BROKEN if fs-verity shows another image
   */
  mount(images: readonly ImageOf[]): void {
    if (images.length === 0) return;
    this.#use();
    for (const { content, record } of images) {
      if (this.#isMounted(content)) continue;
      const image = fromText(this.#directories.image(content));
      if (record.verity !== undefined && verityDigest(image) !== record.verity) throw wrongDigest(content);
      this.#directories.emptyMountPoint(content);
      mountErofs(image, fromText(this.#directories.fs(content)));
    }
  }

  /** Unmounts the images that nothing uses. Call it inside a write transaction. @throws LayerhookError UNMOUNT_FAILED */
  unmountUnused(): void {
    const fd = this.#use();
    if (!flock(fd, 'exclusive')) {
      // the attempt has released the shared lock
      flock(fd, 'shared');
      return;
    }
    const mounts = readMountInfo();
    const isUsed = lowerdirsIn(mounts);
    for (const content of this.#mountedIn(mounts)) {
      const fs = fromText(this.#directories.fs(content));
      if (!isUsed(fs)) unmount(fs, { detach: true });
    }
    flock(fd, 'shared');
  }

  close(): void {
    if (this.#fd !== undefined) close(this.#fd);
    this.#fd = undefined;
  }

  #use(): number {
    if (this.#fd !== undefined) return this.#fd;
    const path = this.#directories.lock(useLock);
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
    try {
      const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
      // never waits: only write transactions lock it exclusively
      closeOnError(fd, () => flock(fd, 'shared', { wait: true }));
      this.#fd = fd;
      return fd;
    } catch (error) {
      throw fsError(error, `opening ${path}`);
    }
  }

  /** Returns the contents whose images are mounted. */
  #mountedIn(mounts: readonly MountInfo[]): string[] {
    const snapshots = `${fromText(realpathSync(this.#directories.of('')))}/`;
    const images = mounts.filter(
      ({ type, mountPoint }) => type === 'erofs' && mountPoint.startsWith(snapshots),
    );
    const paths = images.map(({ mountPoint }) => mountPoint.slice(snapshots.length));
    return paths.flatMap((path) => /^([^/]+)\/fs$/.exec(path)?.[1] ?? []);
  }

  #isMounted(content: string): boolean {
    return isMountPoint(fromText(this.#directories.fs(content)));
  }
}

/** Returns a function that tells if an overlay has a directory as lowerdir. */
function lowerdirsIn(mounts: readonly MountInfo[]): (directory: ByteString) => boolean {
  const overlays = mounts.filter(({ type }) => type === 'overlay' || type === 'fuse.fuse-overlayfs');
  const lowerdirs = new Set(overlays.flatMap((mount) => overlayDirsOf(mount).lowerdirs));
  // the kernel shows the path that it was given, which is relative if that made the options shorter
  const relative = [...lowerdirs].filter((path) => !path.startsWith('/'));
  return (directory) => lowerdirs.has(directory) || relative.some((path) => directory.endsWith(`/${path}`));
}

function wrongDigest(content: string): LayerhookError {
  const reason = 'the fs-verity digest of its image differs';
  return new LayerhookError('SNAPSHOT_BROKEN', { name: `content ${content}`, reason });
}
