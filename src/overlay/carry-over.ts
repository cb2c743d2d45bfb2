import { fsyncSync } from 'node:fs';
import { LayerhookError } from '../errors/index.js';
import { LowerStack } from '../layer/lower/lower-stack.js';
import { isMark, makeWhiteout, type OverlayFormat, xattrNames } from '../layer/overlay-marks.js';
import type { Change } from '../layer/types.js';
import { openat, statAt, withAccess, writing } from '../system/access.js';
import { fchmodat, fchownat, utimensat } from '../system/attributes.js';
import { type ByteString, fromText, showBytes } from '../system/bytes.js';
import { SystemError } from '../system/errno.js';
import { AT_FDCWD, close, linkat, mkdirat, O, S } from '../system/files.js';
import { ancestors, baseName } from '../system/paths.js';
import { StatBuffer } from '../system/stat.js';
import { getXattr, setXattr } from '../system/xattr.js';
import { upperdirChanges } from './changes/upperdir-changes.js';

export interface CarryPlaces {
  /** the old upperdir, which stays unchanged */
  upperdir: string;
  /** the new upperdir, empty */
  to: string;
  /** lowerdirs of the new one, highest first */
  lowerdirs: readonly string[];
}

/**
 * Carries over from an old upperdir to a new one all changes that the new layers lack: paths that were masked when the
 * highest layer was made, that a hook left out, or that were written since. Files are linked instead of copied. Afterwards
 * the names in the new upperdir are on disk, so that the caller can remove the old one.
 *
 * @param packed the changes that went into the highest layer
 * @returns the number of changes carried over
 * @throws LayerhookError BUNDLE_INVALID for a change that cannot be carried over, SYSTEM; SystemError
 */
export async function carryOver(
  places: CarryPlaces,
  packed: readonly Change[],
  format: OverlayFormat,
): Promise<number> {
  const inLayer = withAncestors(packed);
  const { upperdir, lowerdirs } = places;
  const { changes } = await upperdirChanges({ upperdir, lowerdirs, format, packed: inLayer });
  const carrier = new Carrier(places, format);
  let count = 0;
  for (const change of changes) if (carrier.carry(change, inLayer)) count++;
  carrier.restoreTimes();
  carrier.flush();
  return count;
}

class Carrier {
  readonly #from: ByteString;
  readonly #to: ByteString;
  readonly #lower: LowerStack;
  readonly #format: OverlayFormat;
  readonly #stat = new StatBuffer();
  /** directories that were made, each with the directory whose times it gets */
  readonly #made = new Map<ByteString, ByteString>();

  constructor({ upperdir, to, lowerdirs }: CarryPlaces, format: OverlayFormat) {
    this.#from = fromText(upperdir);
    this.#to = fromText(to);
    this.#format = format;
    this.#lower = LowerStack.open(lowerdirs, format);
  }

  /** @returns false if there was nothing to carry over */
  carry({ path, kind }: Change, inLayer: ReadonlySet<ByteString>): boolean {
    const from = `${this.#from}/${path}`;
    if (kind === 'delete') {
      this.#makeParent(path);
      this.#change(path, () => makeWhiteout(this.#to, path, this.#format));
      return true;
    }
    if (!statAt(AT_FDCWD, from, this.#stat)) throw elsewhere(path);
    // a layer cannot hold sockets; the process that listens on one makes it again
    if (this.#stat.type === S.IFSOCK && inLayer.has(path)) return false;
    this.#makeParent(path);
    if (this.#stat.isDirectory) this.#makeDirectory(path, from);
    else this.#change(path, (to) => linkat(AT_FDCWD, from, AT_FDCWD, to));
    return true;
  }

  /** Restores the times of directories, after the last file was made in them. */
  restoreTimes(): void {
    const top = this.#lower.top;
    if (top !== undefined && !this.#made.has('.')) this.#made.set('.', top);
    for (const [path, like] of this.#made) {
      if (!statAt(AT_FDCWD, `${like}/.`, this.#stat)) continue;
      const { mtime } = this.#stat;
      utimensat(AT_FDCWD, `${this.#to}/${path}`, mtime, mtime);
    }
  }

  /** Flushes the upperdir: the journal then holds all that was made in it. */
  flush(): void {
    const fd = openat(AT_FDCWD, this.#to, O.RDONLY | O.DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      close(fd);
    }
  }

  #makeDirectory(path: ByteString, like: ByteString): void {
    if (path !== '.') this.#change(path, (to) => mkdirat(AT_FDCWD, to, 0o700));
    copyAttributes(like, `${this.#to}/${path}`, this.#format);
    this.#made.set(path, like);
  }

  /** Makes a name in the new upperdir, also if the mode of its directory denies it. */
  #change(path: ByteString, call: (to: ByteString) => void): void {
    const to = `${this.#to}/${path}`;
    withAccess(AT_FDCWD, to, () => call(to), writing);
  }

  /** Makes the directories above a path like those of the layers. */
  #makeParent(path: ByteString): void {
    let directory: LowerStack | null = this.#lower;
    for (const above of ancestors(path)) {
      const found: ReturnType<LowerStack['find']> = directory?.find(baseName(above)) ?? null;
      directory = found?.directory ?? null;
      if (this.#made.has(above)) continue;
      if (found === null || directory === null) throw elsewhere(above);
      this.#makeDirectory(above, found.path);
    }
  }
}

function copyAttributes(from: ByteString, to: ByteString, format: OverlayFormat): void {
  const stat = new StatBuffer();
  if (!statAt(AT_FDCWD, `${from}/.`, stat)) throw new SystemError('ENOENT', 'statx', from);
  fchownat(AT_FDCWD, to, stat.uid, stat.gid);
  fchmodat(AT_FDCWD, to, stat.mode);
  for (const name of xattrNames(from)) {
    const value = isMark(name, format) ? undefined : getXattr(from, name);
    if (value !== undefined) setXattr(to, name, value);
  }
}

/** Returns the paths of changes and of all directories above them: a layer holds those too. */
function withAncestors(changes: readonly Change[]): Set<ByteString> {
  const paths = new Set<ByteString>();
  for (const { path } of changes) {
    paths.add(path);
    for (const above of ancestors(path)) paths.add(above);
  }
  return paths;
}

/** The error for a path that the upperdir has only by reference to a layer, as other overlays make it (redirect_dir). */
function elsewhere(path: ByteString): LayerhookError {
  const reason = `${showBytes(path)} is missing in the layer and in the upperdir: another overlayfs renamed a directory above it`;
  return new LayerhookError('BUNDLE_INVALID', { path: '/', reason });
}
