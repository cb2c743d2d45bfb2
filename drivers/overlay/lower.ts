import {
  AT_FDCWD,
  type ByteString,
  close,
  fromText,
  O,
  openat,
  readDirectory,
  S,
  StatBuffer,
  statAt,
} from 'layerhook/system';
import { type Marks, type OverlayFormat, opaqueName, readMarks, whiteoutPrefix } from './marks.js';

/** A directory of one layer. Layers do not change, and are nobody's but ours: a path leads where it did. */
interface LowerDirectory {
  path: ByteString;
  /** 0 is the highest layer */
  layer: number;
  markedWhiteouts: boolean;
  /** names in it, if it was worth the reading */
  names: Set<ByteString> | null;
}

/** A file that a layer has. */
export interface LowerFile {
  path: ByteString;
  stat: StatBuffer;
  /** of a directory: all that is merged in it; else null */
  directory: LowerStack | null;
}

/** One layer's answer to a name. */
interface Hit {
  path: ByteString;
  layer: number;
  stat: StatBuffer;
}

/** From so many names on, a directory is read once instead of being asked for each. */
const manyNames = 8;

/** A directory as the layers below have it: the directories of those layers that are merged in it, highest first. */
export class LowerStack {
  readonly #directories: LowerDirectory[];
  readonly #format: OverlayFormat;
  readonly #root: LowerStack;

  private constructor(directories: LowerDirectory[], format: OverlayFormat, root?: LowerStack) {
    this.#directories = directories;
    this.#format = format;
    this.#root = root ?? this;
    // whiteouts have other names than what they hide
    if (format === 'fuse') this.#readAll();
  }

  /** The root directory of layers. @param lowerdirs their paths, highest first @throws SystemError */
  static open(lowerdirs: readonly string[], format: OverlayFormat): LowerStack {
    const directories = lowerdirs.map((lowerdir, layer) => {
      const path = fromText(lowerdir);
      return { path, layer, markedWhiteouts: readMarks(path, format).markedWhiteouts, names: null };
    });
    return new LowerStack(directories, format);
  }

  /** Path of the directory whose metadata show; undefined where there are no layers. */
  get top(): ByteString | undefined {
    return this.#directories[0]?.path;
  }

  /** Says how many names will be looked up. */
  expect(count: number): void {
    if (count > manyNames) this.#readAll();
  }

  /** All names that layers have in it, those that are hidden too. */
  names(): Set<ByteString> {
    this.#readAll();
    const all = this.#directories.flatMap(({ names }) => [...names!]);
    return new Set(this.#format === 'fuse' ? all.filter((name) => !name.startsWith(whiteoutPrefix)) : all);
  }

  /** What shows under a name, or null. @throws SystemError */
  find(name: ByteString): LowerFile | null {
    let first: Hit | undefined;
    const merged: LowerDirectory[] = [];
    for (const [hit, marks] of this.#hits(name)) {
      first ??= hit;
      if (!hit.stat.isDirectory) break;
      const { path, layer } = hit;
      merged.push({ path, layer, markedWhiteouts: marks().markedWhiteouts, names: null });
    }
    if (first === undefined) return null;
    const directory = merged.length === 0 ? null : new LowerStack(merged, this.#format, this.#root);
    return { path: first.path, stat: first.stat, directory };
  }

  /** Path of the file that has the content of what is called `name` here: one of metadata alone has none. */
  findContent(name: ByteString): ByteString | null {
    for (const [{ path, stat }, marks] of this.#hits(name)) {
      if (stat.isDirectory) return null;
      if (!marks().metacopy) return path;
    }
    return null;
  }

  /** What layers have under a path, highest first, down to where nothing shows any more. */
  *#hits(path: ByteString): Generator<[Hit, marks: () => Marks]> {
    let todo = this.#directories.toReversed();
    let rest = path;
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
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

  /** Directories of layers below one, the highest at the end. */
  #below(layer: number): LowerDirectory[] {
    return this.#directories.filter((directory) => directory.layer > layer).reverse();
  }

  /** Looks up a path in one layer. `stop`: the layers below it do not show. */
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
      const hidden = this.#format === 'fuse' && isThere(`${directory.path}/${whiteoutPrefix}${name}`);
      return hidden ? 'whiteout' : 'nothing';
    }
    return isWhiteout(stat, directory.markedWhiteouts, path, this.#format)
      ? 'whiteout'
      : { path, layer, stat };
  }

  #marks({ path, stat }: Hit): Marks {
    const marks = readMarks(path, this.#format);
    if (this.#format !== 'fuse' || !stat.isDirectory || marks.opaque) return marks;
    return { ...marks, opaque: isThere(`${path}/${opaqueName}`) };
  }

  #readAll(): void {
    for (const directory of this.#directories) directory.names ??= readNames(directory.path);
  }
}

/**
 * Whether a file of a layer is a whiteout.
 *
 * @param marked whether its directory says that there are empty files in it that are
 * @param path to read the mark by
 */
export function isWhiteout(
  stat: StatBuffer,
  marked: boolean,
  path: ByteString,
  format: OverlayFormat,
): boolean {
  if (stat.type === S.IFCHR) return stat.rdevMajor === 0 && stat.rdevMinor === 0;
  return marked && stat.isFile && stat.size === 0 && readMarks(path, format).whiteout;
}

function isThere(path: ByteString): boolean {
  return statAt(AT_FDCWD, path, new StatBuffer());
}

function readNames(path: ByteString): Set<ByteString> {
  const fd = openat(AT_FDCWD, path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    return new Set(readDirectory(fd).map(({ name }) => name));
  } finally {
    close(fd);
  }
}
