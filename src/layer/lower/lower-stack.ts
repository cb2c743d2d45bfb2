import { statAt } from '../../system/access.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { AT_FDCWD } from '../../system/files.js';
import { StatBuffer } from '../../system/stat.js';
import {
  isWhiteout,
  type Marks,
  type OverlayFormat,
  opaqueName,
  readMarks,
  whiteoutPrefix,
} from '../overlay-marks.js';
import { isThere, namesAt } from './names.js';

/** A directory of one layer. Layers do not change and only layerhook may write them, so paths stay valid. */
interface LowerDirectory {
  path: ByteString;
  /** 0 is the highest layer */
  layer: number;
  markedWhiteouts: boolean;
  /** its names, if they were read */
  names: Set<ByteString> | null;
}

/** What the lower layers show under a name. */
export interface LowerFile {
  /** in the highest layer that has it, absolute */
  path: ByteString;
  /** that layer; 0 is the highest */
  layer: number;
  stat: StatBuffer;
  /** the merged directory; null for other files */
  directory: LowerStack | null;
}

/** What one layer has under a name. */
interface Hit {
  path: ByteString;
  layer: number;
  stat: StatBuffer;
}

/** What one layer has, and its marks, which are read only if they matter. */
type FoundInLayer = [Hit, marks: () => Marks];

/** Levels of directories that are looked up on demand: a lookup calls itself for each level above, and paths may be deep. */
const levelsOnDemand = 64;

/** For more names than this, reading the directory once is cheaper than one stat per name. */
const manyNames = 8;

/**
 * A merged directory of the lower layers, seen without a mount. Symlinks are never followed. Layers are looked up when a name is
 * not found above them: most files have a parent in every layer, and are in one.
 */
export class LowerStack {
  /** the part that was looked up, highest layer first */
  readonly #directories: LowerDirectory[] = [];
  readonly #others: Iterator<LowerDirectory>;
  #failure: unknown;
  readonly #format: OverlayFormat;
  readonly #root: LowerStack;
  readonly #level: number;

  private constructor(directories: Iterator<LowerDirectory>, format: OverlayFormat, above?: LowerStack) {
    this.#others = directories;
    this.#format = format;
    this.#root = above === undefined ? this : above.#root;
    this.#level = above === undefined ? 0 : above.#level + 1;
    // a whiteout has another name than the file that it hides
    if (format === 'fuse') this.#readAll();
    else if (this.#level % levelsOnDemand === levelsOnDemand - 1) while (this.#addNext());
  }

  /** Opens the root directory of layers. @param lowerdirs their paths, highest first */
  static open(lowerdirs: readonly string[], format: OverlayFormat): LowerStack {
    return new LowerStack(rootsOf(lowerdirs, format), format);
  }

  /** Path of the directory whose metadata a mount shows; undefined without layers. @throws SystemError */
  get top(): ByteString | undefined {
    return this.#at(0)?.path;
  }

  /** Prepares for this number of lookups. */
  expect(count: number): void {
    if (count > manyNames) this.#readAll();
  }

  /** Returns the names that any layer has in this directory, hidden ones included. */
  names(): Set<ByteString> {
    this.#readAll();
    const all = this.#directories.flatMap(({ names }) => [...names!]);
    return new Set(this.#format === 'fuse' ? all.filter((name) => !name.startsWith(whiteoutPrefix)) : all);
  }

  /** Returns what a mount shows under a name, or null. @throws SystemError */
  find(name: ByteString): LowerFile | null {
    const hits = this.#hits(name);
    const first = hits.next();
    if (first.done) return null;
    const [hit] = first.value;
    if (!hit.stat.isDirectory) return { ...hit, directory: null };
    const directories = directoriesOf(first.value, hits);
    return { ...hit, directory: new LowerStack(directories, this.#format, this) };
  }

  /** Returns the path of the file that has the content of `name`, below files that hold metadata only (metacopy). */
  findContent(name: ByteString): ByteString | null {
    for (const [{ path, stat }, marks] of this.#hits(name)) {
      if (stat.isDirectory) return null;
      if (!marks().metacopy) return path;
    }
    return null;
  }

  /** Yields what layers have under a path, highest first, down to the layer that hides those below it. */
  *#hits(path: ByteString): Generator<FoundInLayer, undefined> {
    let todo = this.#each();
    let rest = path;
    for (let next = todo.next(); !next.done; next = todo.next()) {
      const at = next.value;
      const { hit, stop } = this.#step(at, rest);
      if (hit !== null) {
        let known: Marks | undefined;
        const marks = (): Marks => {
          known ??= this.#marks(hit);
          return known;
        };
        yield [hit, marks];
        const { opaque, redirect, metacopy } = marks();
        if (opaque || !(hit.stat.isDirectory || metacopy)) return;
        if (redirect?.startsWith('/')) {
          todo = this.#root.#below(at.layer);
          rest = redirect.slice(1);
        } else if (redirect !== undefined) rest = rest.slice(0, rest.lastIndexOf('/') + 1) + redirect;
      }
      if (stop) return;
    }
  }

  /** Yields the directories of the layers below one, highest first. */
  *#below(layer: number): Generator<LowerDirectory, undefined> {
    for (const directory of this.#each()) if (directory.layer > layer) yield directory;
  }

  *#each(): Generator<LowerDirectory, undefined> {
    for (let at = 0; ; at++) {
      const directory = this.#at(at);
      if (directory === undefined) return;
      yield directory;
    }
  }

  #at(index: number): LowerDirectory | undefined {
    if (index === this.#directories.length) this.#addNext();
    return this.#directories[index];
  }

  /** @returns false after the lowest layer */
  #addNext(): boolean {
    // a generator that has failed would look as if it had ended
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const next = this.#others.next();
      if (!next.done) this.#directories.push(next.value);
      return !next.done;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Looks up a path in one layer. `stop`: it hides the layers below. */
  #step(from: LowerDirectory, path: ByteString): { hit: Hit | null; stop: boolean } {
    const names = path.split('/');
    const last = names.pop()!;
    let directory = from;
    let stop = false;
    for (const name of names) {
      const found = this.#lookup(directory, name);
      if (found === 'nothing') return { hit: null, stop };
      if (found === 'whiteout' || !found.stat.isDirectory) return { hit: null, stop: true };
      const { opaque, markedWhiteouts } = this.#marks(found);
      stop ||= opaque;
      directory = { path: found.path, layer: found.layer, markedWhiteouts, names: null };
    }
    const hit = this.#lookup(directory, last);
    if (hit === 'nothing') return { hit: null, stop };
    return hit === 'whiteout' ? { hit: null, stop: true } : { hit, stop };
  }

  #lookup(directory: LowerDirectory, name: ByteString): Hit | 'nothing' | 'whiteout' {
    const { names, layer } = directory;
    const path = `${directory.path}/${name}`;
    const stat = new StatBuffer();
    if (names?.has(name) === false || !statAt(AT_FDCWD, path, stat)) {
      const hidden =
        this.#format === 'fuse' && isThere(AT_FDCWD, `${directory.path}/${whiteoutPrefix}${name}`);
      return hidden ? 'whiteout' : 'nothing';
    }
    return isWhiteout(stat, directory.markedWhiteouts, path, this.#format)
      ? 'whiteout'
      : { path, layer, stat };
  }

  #marks({ path, stat }: Hit): Marks {
    const marks = readMarks(path, this.#format);
    if (this.#format !== 'fuse' || !stat.isDirectory || marks.opaque) return marks;
    return { ...marks, opaque: isThere(AT_FDCWD, `${path}/${opaqueName}`) };
  }

  #readAll(): void {
    for (const directory of this.#each()) directory.names ??= namesAt(directory.path);
  }
}

function* rootsOf(lowerdirs: readonly string[], format: OverlayFormat): Generator<LowerDirectory> {
  for (const [layer, lowerdir] of lowerdirs.entries()) {
    const path = fromText(lowerdir);
    yield { path, layer, markedWhiteouts: readMarks(path, format).markedWhiteouts, names: null };
  }
}

/** Yields what a merged directory consists of, down to a file of another type. */
function* directoriesOf(
  first: FoundInLayer,
  others: Generator<FoundInLayer, undefined>,
): Generator<LowerDirectory> {
  let found = first;
  for (;;) {
    const [{ path, layer, stat }, marks] = found;
    if (!stat.isDirectory) return;
    yield { path, layer, markedWhiteouts: marks().markedWhiteouts, names: null };
    const next = others.next();
    if (next.done) return;
    found = next.value;
  }
}
