import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { type LowerFile, LowerStack } from '../../layer/lower/lower-stack.js';
import { isThere, namesIn } from '../../layer/lower/names.js';
import {
  isWhiteout,
  type Marks,
  type OverlayFormat,
  opaqueName,
  readMarks,
} from '../../layer/overlay-marks.js';
import { type FileAt, hasSameContent, hasSameMetadata, pathOf } from '../../layer/same-file.js';
import type { Change } from '../../layer/types.js';
import { comparePaths, requireDepth } from '../../layer/walk/index.js';
import { openat, statAt } from '../../system/access.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { Descent } from '../../system/descent.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O } from '../../system/files.js';
import { inodeNumber, StatBuffer, statFd } from '../../system/stat.js';
import { inTurns, type Steps } from '../../system/steps.js';
import { pathIn } from '../../system/xattr.js';
import { HardlinkGroups } from './hardlink-groups.js';
import { type Level, type Place, removeWhiteouts } from './place.js';

export interface UpperdirOptions {
  /** path of the upperdir; it may be mounted and written to */
  upperdir: string;
  /** paths of the lowerdirs, highest first */
  lowerdirs: readonly string[];
  /** default `trusted` */
  format?: OverlayFormat | undefined;
  /** paths to leave out, with all below them; with or without a leading slash */
  maskPaths?: readonly string[] | undefined;
  /** paths that went into the highest layer: a later time is unchanged there, since repack cuts times to an epoch */
  packed?: ReadonlySet<ByteString> | undefined;
  signal?: AbortSignal | undefined;
}

export interface UpperdirChanges {
  /** in the order of a walk: a directory before its content */
  changes: Change[];
  /** masked paths at which the upperdir has something */
  masked: ByteString[];
}

/**
 * Lists what an overlay's upperdir changes in the tree of its lowerdirs, without a mount: Linux
 * Documentation/filesystems/overlayfs.rst.
 *
 * - A file that was copied up unchanged is left out if a layer would hold the same, and so is a whiteout that hides nothing.
 * - A directory that is opaque or replaces another one is compared with the lower one: names that it lacks are deleted,
 *   equal names are left out.
 * - A renamed directory (`redirect_dir`) has its lower content, and a file with metadata only (`metacopy`) too.
 * - A changed file with several names is a change under each name in the upperdir.
 *
 * The cost depends on the size of the upperdir: only its names are looked up in the layers, which are walked only below
 * opaque and renamed directories. Files that vanish meanwhile are left out.
 *
 * @throws LayerhookError ABORTED, SYSTEM, LIMIT_EXCEEDED for directories deeper than 2048
 */
export async function upperdirChanges(options: UpperdirOptions): Promise<UpperdirChanges> {
  const walk = new Walk(options);
  try {
    return await inTurns(walk.run(), options.signal);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const what = `cannot read ${showBytes(walk.at)} of ${options.upperdir} or of its lowerdirs`;
    const expected = 'check that they exist and are readable';
    throw new LayerhookError('SYSTEM', { what, reason: systemWords(error), expected }, error);
  }
}

/** What a mount shows under a name: a file of the upperdir or of a layer. */
interface Current {
  file: FileAt;
  /** of a directory: the lower directory that a mount merges into it */
  shown: LowerStack | null;
  upper: { marks: Marks } | null;
}

class Walk {
  readonly #upperdir: string;
  readonly #format: OverlayFormat;
  readonly #root: LowerStack;
  readonly #maskPaths: ReadonlySet<ByteString>;
  readonly #packed: ReadonlySet<ByteString> | undefined;
  readonly #changes: Change[] = [];
  readonly #masked: ByteString[] = [];
  readonly #hardlinks = new HardlinkGroups();
  /** the directories of the upperdir that are open, from the root down */
  #descent = new Descent(-1);
  /** the current path, for errors */
  at: ByteString = '.';

  constructor({ upperdir, lowerdirs, format = 'trusted', maskPaths = [], packed }: UpperdirOptions) {
    this.#upperdir = upperdir;
    this.#format = format;
    this.#root = LowerStack.open(lowerdirs, format);
    this.#maskPaths = new Set(maskPaths.map((path) => fromText(path).replace(/^\/+|\/+$/g, '')));
    this.#packed = packed;
  }

  *run(): Steps<UpperdirChanges> {
    const upper = openat(AT_FDCWD, fromText(this.#upperdir), O.RDONLY | O.DIRECTORY);
    this.#descent = new Descent(upper);
    try {
      this.#compareRoot(upper);
      const upperMarks = readMarks(upper, this.#format);
      yield* this.#visitAll({ prefix: '', inUpper: true, upperMarks, shown: this.#root, below: this.#root });
    } finally {
      this.#descent.close();
      close(upper);
    }
    this.#changes.push(...this.#hardlinks.changes());
    this.#changes.sort((a, b) => comparePaths(a.path, b.path));
    return { changes: this.#changes, masked: this.#masked };
  }

  #compareRoot(upper: number): void {
    const { top } = this.#root;
    const now = { dirfd: upper, name: '.', stat: new StatBuffer() };
    statFd(upper, now.stat);
    if (top === undefined ? isUnwritten(now.stat) : this.#isSameRoot(now, `${top}/.`)) return;
    this.#changes.push({ path: '.', kind: 'modify' });
  }

  #isSameRoot(now: FileAt, path: ByteString): boolean {
    const before = { dirfd: AT_FDCWD, name: path, stat: new StatBuffer() };
    return statAt(AT_FDCWD, path, before.stat) && hasSameMetadata(now, before, this.#allowance('.'));
  }

  /** Visits the root and all below it. A container chooses the depth, so the levels are on the heap. */
  *#visitAll(root: Place): Steps<void> {
    const levels = [this.#begin(root)];
    for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
      const { place, names, hidden } = level;
      const name = names[level.next++];
      if (name === undefined) {
        levels.pop();
        if (levels.length > 0 && place.inUpper) this.#require(this.#descent.leave());
        continue;
      }
      this.at = place.prefix + name;
      yield;
      if (this.#maskPaths.has(this.at)) {
        this.#masked.push(this.at);
        continue;
      }
      const next = yield* this.#visitName(place, name, hidden.has(name));
      if (next === null) continue;
      requireDepth(this.#upperdir, levels.length);
      levels.push(this.#begin(next));
    }
  }

  #begin(place: Place): Level {
    const { inUpper, shown, below } = place;
    const names = inUpper ? namesIn(this.#descent.fd) : new Set<ByteString>();
    const hidden = this.#format === 'fuse' ? removeWhiteouts(names) : new Set<ByteString>();
    for (const name of hidden) names.add(name);
    shown?.expect(names.size);
    below?.expect(names.size);
    if (shown !== below) {
      for (const name of shown?.names() ?? []) names.add(name);
      for (const name of below?.names() ?? []) names.add(name);
    }
    return { place, names: [...names].sort(), hidden, next: 0 };
  }

  /** Compares one name. @returns the directory to visit next, or null */
  *#visitName(place: Place, name: ByteString, hidden: boolean): Steps<Place | null> {
    const path = this.at;
    const below = place.below?.find(name) ?? null;
    const now = hidden ? null : this.#current(place, name, below);
    if (now === null) {
      if (below !== null) this.#changes.push({ path, kind: 'delete' });
      return null;
    }
    const { stat } = now.file;
    const kind = below === null ? 'add' : (yield* this.#isSame(place, name, now, below)) ? null : 'modify';
    if (HardlinkGroups.mayHold(stat)) this.#hardlinks.add(path, stat, kind, below?.stat ?? null);
    else if (kind !== null) this.#changes.push({ path, kind });
    return stat.isDirectory ? this.#descend(place, name, now, below) : null;
  }

  /** Returns what a mount shows under a name, or null. */
  #current(place: Place, name: ByteString, below: LowerFile | null): Current | null {
    const stat = new StatBuffer();
    const { shown } = place;
    const upper = place.inUpper ? this.#descent.fd : null;
    const through = () => (shown === place.below ? below : (shown?.find(name) ?? null));
    if (upper === null || !statAt(upper, name, stat)) {
      const found = through();
      if (found === null) return null;
      const file = { dirfd: AT_FDCWD, name: found.path, stat: found.stat };
      return { file, shown: found.directory, upper: null };
    }
    const file = { dirfd: upper, name, stat };
    if (isWhiteout(stat, place.upperMarks.markedWhiteouts, pathIn(upper, name), this.#format)) return null;
    if (!stat.isDirectory) return { file, shown: null, upper: null };
    const marks = readMarks(pathIn(upper, name), this.#format);
    if (marks.opaque || (this.#format === 'fuse' && isThere(upper, `${name}/${opaqueName}`))) {
      return { file, shown: null, upper: { marks } };
    }
    const lower =
      marks.redirect === undefined
        ? through()
        : this.#follow(shown, marks.redirect, (stack, to) => stack.find(to));
    return { file, shown: lower?.directory ?? null, upper: { marks } };
  }

  #descend(place: Place, name: ByteString, now: Current, below: LowerFile | null): Place | null {
    const rest = {
      prefix: `${place.prefix}${name}/`,
      shown: now.shown,
      below: below?.directory ?? null,
    };
    if (now.upper === null) {
      // an unchanged lower directory
      if (rest.shown === rest.below) return null;
      return { ...rest, inUpper: false, upperMarks: { markedWhiteouts: false } };
    }
    const entered = this.#descent.enter(name);
    if (entered === -E.ENOENT || entered === -E.ENOTDIR || entered === -E.ELOOP) return null;
    this.#require(entered);
    return { ...rest, inUpper: true, upperMarks: now.upper.marks };
  }

  #require(done: number): void {
    if (done < 0) throw new SystemError(-done, 'openat', this.at);
  }

  /** Returns true if a layer would hold the same for a file as for the lower one. */
  *#isSame(place: Place, name: ByteString, { file }: Current, below: LowerFile): Steps<boolean> {
    if (inodeNumber(file.stat) === inodeNumber(below.stat)) return true;
    const before = { dirfd: AT_FDCWD, name: below.path, stat: below.stat };
    try {
      if (!hasSameMetadata(file, before, this.#allowance(place.prefix + name))) return false;
      if (!file.stat.isFile || file.stat.size === 0) return true;
      const content = place.below?.findContent(name) ?? before.name;
      return yield* hasSameContent(this.#contentOf(place, name, file), { dirfd: AT_FDCWD, name: content });
    } catch (error) {
      // it vanished or was replaced
      if (error instanceof SystemError && [E.ENOENT, E.EINVAL].includes(error.errno)) return false;
      throw error;
    }
  }

  #allowance(path: ByteString): { format: OverlayFormat; packed: boolean } {
    return { format: this.#format, packed: this.#packed?.has(path) === true };
  }

  /** Looks up a redirect: another name in the lower directory, or a path from the root of the layers. */
  #follow<T>(
    directory: LowerStack | null,
    redirect: ByteString,
    find: (stack: LowerStack, path: ByteString) => T | null,
  ): T | null {
    if (redirect.startsWith('/')) return find(this.#root, redirect.slice(1));
    return directory && find(directory, redirect);
  }

  /** Returns the file that holds the content: for metadata only (metacopy), one of a layer. */
  #contentOf({ shown }: Place, name: ByteString, file: FileAt): Pick<FileAt, 'dirfd' | 'name'> {
    const marks = readMarks(pathOf(file), this.#format);
    if (!marks.metacopy) return file;
    const find = (stack: LowerStack, path: ByteString) => stack.findContent(path);
    const content = this.#follow(shown, marks.redirect ?? name, find);
    return content === null ? file : { dirfd: AT_FDCWD, name: content };
  }
}

/** Returns true if the root directory of an image without layers is as unpack makes it. */
function isUnwritten({ mode, mtimeSec }: StatBuffer): boolean {
  return mode === 0o755 && mtimeSec === 0;
}
