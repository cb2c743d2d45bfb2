import { type Change, comparePaths, inTurns, LayerhookError, requireDepth, type Steps } from 'layerhook';
import {
  AT_FDCWD,
  type ByteString,
  close,
  Descent,
  E,
  fromText,
  O,
  openat,
  pathIn,
  StatBuffer,
  SystemError,
  showBytes,
  statAt,
  statFd,
} from 'layerhook/system';
import { HardlinkGroups, inode } from './hardlinks.js';
import { isWhiteout, type LowerFile, LowerStack } from './lower.js';
import { type Marks, type OverlayFormat, opaqueName, readMarks } from './marks.js';
import { type FileAt, hasSameContent, hasSameMetadata, pathOf } from './same-file.js';
import { isThere, type Level, namesIn, type Place, takeWhiteouts } from './upper-place.js';

export type { OverlayFormat } from './marks.js';

export interface UpperdirOptions {
  /** path of the upperdir; it may be mounted and written to */
  upperdir: string;
  /** paths of the lowerdirs, highest first */
  lowerdirs: readonly string[];
  /** default `trusted` */
  format?: OverlayFormat | undefined;
  /** paths in the tree that are not looked at, with all below them; with or without a leading slash */
  maskPaths?: readonly string[] | undefined;
  /** paths that the highest layer was made of: a later time than there is no change, since repack cuts times to an epoch */
  packed?: ReadonlySet<ByteString> | undefined;
  signal?: AbortSignal | undefined;
}

export interface UpperdirChanges {
  /** in the order of a walk: a directory before what is in it */
  changes: Change[];
  /** masked paths at which the upperdir has something */
  masked: ByteString[];
}

/**
 * What an overlay's upperdir changes in the tree of its lowerdirs: Linux Documentation/filesystems/overlayfs.rst, read
 * without a mount.
 *
 * - what was copied up, and is like the file below in all that a layer holds, is no change; nor is a whiteout of nothing
 * - a directory that is opaque, or is new in the place of another, is compared with what is below: what it lacks is
 *   deleted, what it has again is no change
 * - a directory that was renamed (`redirect_dir`) has all that it had below; so have files of metadata alone (`metacopy`)
 * - a changed file with several names is changed under all that the upperdir has of it
 *
 * It costs what the upperdir holds: layers are asked for the names that it has, and walked only below directories that
 * are opaque or were renamed. What vanishes meanwhile is as if never there.
 *
 * @throws LayerhookError ABORTED, SYSTEM, LIMIT_EXCEEDED for directories deeper than 2048
 */
export async function upperdirChanges(options: UpperdirOptions): Promise<UpperdirChanges> {
  const walk = new Walk(options);
  try {
    return await inTurns(walk.run(), options.signal);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const what = `cannot read ${showBytes(walk.at)} of ${options.upperdir} or of the layers below`;
    const expected = 'check that they exist and may be read';
    throw new LayerhookError('SYSTEM', { what, reason: error.code, expected }, error);
  }
}

/** What there is now under a name: a file of the upperdir, or of a layer. */
interface Current {
  file: FileAt;
  /** of a directory: what of the layers shows through */
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
  /** the way down the upperdir */
  #descent = new Descent(-1);
  /** what is looked at, for errors */
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

  /** Visits the root and all below it; a container chooses the depth, so the stack is not the thread's. */
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
    const hidden = this.#format === 'fuse' ? takeWhiteouts(names) : new Set<ByteString>();
    for (const name of hidden) names.add(name);
    shown?.expect(names.size);
    below?.expect(names.size);
    if (shown !== below) {
      for (const name of shown?.names() ?? []) names.add(name);
      for (const name of below?.names() ?? []) names.add(name);
    }
    return { place, names: [...names].sort(), hidden, next: 0 };
  }

  /** Compares one name. @returns the directory that is to be visited next, if it is one */
  *#visitName(place: Place, name: ByteString, hidden: boolean): Steps<Place | null> {
    const path = this.at;
    if (this.#maskPaths.has(path)) {
      this.#masked.push(path);
      return null;
    }
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

  /** What shows under a name now; null: nothing. */
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
      // a directory of the layers alone, at its place
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

  /** Whether a layer would hold the same of what is there now as of what is below. */
  *#isSame(place: Place, name: ByteString, { file }: Current, below: LowerFile): Steps<boolean> {
    if (inode(file.stat) === inode(below.stat)) return true;
    const before = { dirfd: AT_FDCWD, name: below.path, stat: below.stat };
    try {
      if (!hasSameMetadata(file, before, this.#allowance(place.prefix + name))) return false;
      if (!file.stat.isFile || file.stat.size === 0) return true;
      const content = place.below?.findContent(name) ?? before.name;
      return yield* hasSameContent(this.#contentOf(place, name, file), { dirfd: AT_FDCWD, name: content });
    } catch (error) {
      // it has vanished, or is another one now
      if (error instanceof SystemError && [E.ENOENT, E.EINVAL].includes(error.errno)) return false;
      throw error;
    }
  }

  #allowance(path: ByteString): { format: OverlayFormat; packed: boolean } {
    return { format: this.#format, packed: this.#packed?.has(path) === true };
  }

  /** What a redirect in a directory leads to: another name there, or a path from the root of the layers. */
  #follow<T>(
    directory: LowerStack | null,
    redirect: ByteString,
    find: (stack: LowerStack, path: ByteString) => T | null,
  ): T | null {
    if (redirect.startsWith('/')) return find(this.#root, redirect.slice(1));
    return directory && find(directory, redirect);
  }

  /** Where the content of what is there now is: a file of metadata alone has that of a layer. */
  #contentOf({ shown }: Place, name: ByteString, file: FileAt): Pick<FileAt, 'dirfd' | 'name'> {
    const marks = readMarks(pathOf(file), this.#format);
    if (!marks.metacopy) return file;
    const find = (stack: LowerStack, path: ByteString) => stack.findContent(path);
    const content = this.#follow(shown, marks.redirect ?? name, find);
    return content === null ? file : { dirfd: AT_FDCWD, name: content };
  }
}

/** Whether the root directory of no layers is as unpack makes it. */
function isUnwritten({ mode, mtimeSec }: StatBuffer): boolean {
  return mode === 0o755 && mtimeSec === 0;
}
