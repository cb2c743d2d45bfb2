import {
  type BigIntStats,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { againIfGone } from '../../system/again-if-gone.js';
import { fromText } from '../../system/bytes.js';
import { close } from '../../system/close.js';
import { NewDirectories } from '../../system/new-directories.js';
import { removeFile } from '../../system/regular-file.js';
import { writeFileAtomic } from '../../system/write-file.js';
import { encodeJson } from '../../text/json-lossless.js';
import { parseDigest } from '../digest.js';
import { readSmallFile } from '../layout-files.js';
import { emptyIndex, resumeLayout } from '../resume-layout.js';
import type { Digest } from '../types.js';
import { layoutVersion, maxVersionBytes } from '../version.js';

/**
 * An empty layout that this process has created, and can remove again. The removal reaches everything by descriptor and follows
 * no symlink: another user may have exchanged the directories meanwhile. Each directory must be the one that was created.
 */
export class NewDirectory {
  readonly #path: string;
  /** parents, the layout, `blobs` and `blobs/sha256` */
  readonly #made = new NewDirectories();
  /** of the layout; undefined until it is known to be new */
  #inode: string | undefined;
  /** true if a killed attempt has left an index.json */
  #hadIndex = false;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Creates a layout and its parent directories. After a failure, nothing new is left. @throws LayerhookError as createLayout in layout.ts */
  static create(path: string): NewDirectory {
    const made = new NewDirectory(path);
    try {
      made.#create();
      return made;
    } catch (error) {
      made.discard([]);
      throw fsError(error, `making ${path}`);
    }
  }

  #create(): void {
    const path = this.#path;
    try {
      againIfGone(() => {
        this.#made.make(dirname(path));
        mkdirSync(path);
      });
      this.#made.note(fromText(path));
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      if (!resumeLayout(path)) throw new LayerhookError('LAYOUT_EXISTS', { path }, error);
      this.#hadIndex = readdirSync(path).includes('index.json');
    }
    this.#inode = inodeOf(lstatSync(path, { bigint: true }));
    this.#made.make(join(path, 'blobs', 'sha256'));
    writeFileAtomic(join(path, 'index.json'), encodeJson(emptyIndex));
    // last: it marks the layout as whole
    writeFileAtomic(join(path, 'oci-layout'), encodeJson(layoutVersion));
  }

  /**
   * Removes what was created, unless the layout has an image, or files of others. The caller holds the exclusive lock.
   *
   * @param blobs that this process has written to the layout
   */
  discard(blobs: Iterable<Digest>): void {
    try {
      if (this.#inode !== undefined) inDirectory(this.#path, (layout) => this.#empty(layout, blobs));
      this.#made.remove();
    } catch {
      // what is in use stays; the caller reports the failure that led here
    }
  }

  /** @throws Error if the layout must stay */
  #empty(layout: string, blobs: Iterable<Digest>): void {
    const isOwn = inodeOf(statSync(layout, { bigint: true })) === this.#inode;
    // a writer has a directory of its own in the layout
    const isUsed = readdirSync(layout).some((name) => !known.includes(name));
    const index = readSmallFile(`${layout}/index.json`, maxVersionBytes);
    if (!isOwn || isUsed || index?.equals(encodeJson(emptyIndex)) === false) throw new Error('in use');
    if (readdirSync(layout).includes('blobs')) {
      inDirectory(`${layout}/blobs`, (directory) => removeBlobs(directory, blobs), constants.O_NOFOLLOW);
    }
    removeFile(`${layout}/oci-layout`);
    if (!this.#hadIndex) removeFile(`${layout}/index.json`);
  }
}

const known = ['blobs', 'index.json', 'oci-layout'];

/** @throws Error if other blobs are left */
function removeBlobs(directory: string, blobs: Iterable<Digest>): void {
  for (const algorithm of readdirSync(directory)) {
    const open = (use: (path: string) => void) =>
      inDirectory(`${directory}/${algorithm}`, use, constants.O_NOFOLLOW);
    open((path) => {
      for (const digest of blobs) {
        const parsed = parseDigest(digest);
        if (parsed.algorithm === algorithm) removeFile(`${path}/${parsed.hex}`);
      }
      if (readdirSync(path).length > 0) throw new Error('in use');
    });
    // a writer makes it for its first blob of that algorithm
    if (algorithm === 'sha512') rmdirSync(`${directory}/${algorithm}`);
  }
}

/** Calls `use` with a path that leads to the opened directory, even if another one gets its name. */
function inDirectory<T>(path: string, use: (opened: string) => T, flags = 0): T {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | flags);
  try {
    return use(`/proc/self/fd/${fd}`);
  } finally {
    close(fd);
  }
}

function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
