import { type ByteString, fromText, type OverlayXattr } from 'layerhook';
import { AT_FDCWD, readlinkat } from 'layerhook/system';
import { namesIn } from './names-in.js';
import { type Kind, OverlayFiles } from './overlay-files.js';
import { parentOf } from './paths.js';

/** What the layers below have at a path, as a mount of them would show it. */
export type Lower = { kind: 'none' } | LowerFile;

export interface LowerFile {
  kind: 'directory' | 'symlink' | 'other';
  /** of the highest layer that has it, absolute */
  path: ByteString;
  layer: LowerLayers;
}

interface Own {
  kind: Kind;
  /** nothing that the layers below this one have shows at this path, or below it */
  hides: boolean;
}

/**
 * The directories of layers, seen as one tree without being mounted: a layer, on top of those below it. Symlinks are
 * never followed. What was looked up once is remembered: nothing may change in them.
 */
export class LowerLayers {
  readonly directory: string;
  readonly #below: LowerLayers | null;
  readonly #files: OverlayFiles;
  readonly #own = new Map<ByteString, Own>([['.', { kind: 'directory', hides: false }]]);
  readonly #found = new Map<ByteString, Lower>();

  constructor(directory: string, below: LowerLayers | null, xattr: OverlayXattr) {
    this.directory = directory;
    this.#below = below;
    this.#files = new OverlayFiles(xattr);
  }

  /** @param directories highest first, as lowerdirs are */
  static of(directories: readonly string[], xattr: OverlayXattr): LowerLayers | null {
    let layers: LowerLayers | null = null;
    for (const directory of directories.toReversed()) layers = new LowerLayers(directory, layers, xattr);
    return layers;
  }

  /** The directories of all of them, highest first. */
  get directories(): string[] {
    return [this.directory, ...(this.#below?.directories ?? [])];
  }

  /** What the root directory shows. @throws SystemError */
  namesInRoot(): ByteString[] {
    const names = new Set(this.directories.flatMap((directory) => namesIn(fromText(directory))));
    return [...names].filter((name) => this.lookup(name).kind !== 'none');
  }

  /** @throws SystemError */
  lookup(path: ByteString): Lower {
    const known = this.#found.get(path);
    if (known) return known;
    const found = this.#lookup(path);
    this.#found.set(path, found);
    return found;
  }

  /** A text that says all of what is at a path that a layer above can take from there. */
  describe(path: ByteString): string {
    const found = this.lookup(path);
    if (found.kind === 'symlink') return `symlink ${readlinkat(AT_FDCWD, found.path)}`;
    if (found.kind !== 'directory') return found.kind;
    this.#files.kindOf(found.path);
    const { mode, uid, gid, mtimeSec, mtimeNsec } = this.#files.stat;
    const xattrs = this.#files.xattrsOf(found.path).map(([name, value]) => [name, value.toString('hex')]);
    return `directory ${JSON.stringify([mode, uid, gid, mtimeSec, mtimeNsec, xattrs.sort()])}`;
  }

  #lookup(path: ByteString): Lower {
    const { kind, hides } = this.#at(path);
    if (kind === 'none') return hides || !this.#below ? { kind } : this.#below.lookup(path);
    if (kind === 'whiteout') return { kind: 'none' };
    return { kind, path: this.#pathOf(path), layer: this };
  }

  #at(path: ByteString): Own {
    const unknown: ByteString[] = [];
    let at = path;
    let own = this.#own.get(at);
    for (; own === undefined; own = this.#own.get(at)) {
      unknown.push(at);
      at = parentOf(at);
    }
    for (const below of unknown.reverse()) {
      own = this.#look(below, own);
      this.#own.set(below, own);
    }
    return own;
  }

  #look(path: ByteString, parent: Own): Own {
    if (parent.kind !== 'directory') return { kind: 'none', hides: parent.hides };
    const kind = this.#files.kindOf(this.#pathOf(path));
    if (kind === 'none') return { kind, hides: parent.hides };
    if (kind !== 'directory') return { kind, hides: true };
    return { kind, hides: parent.hides || this.#files.isOpaque(this.#pathOf(path)) };
  }

  #pathOf(path: ByteString): ByteString {
    return `${fromText(this.directory)}/${path}`;
  }
}
