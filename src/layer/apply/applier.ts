import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { SystemError } from '../../system/errno.js';
import { baseName, parentOf } from '../../system/paths.js';
import { statAt } from '../../system/stat.js';
import { type HoleBudget, holeBudget } from '../holes.js';
import type { TarReader } from '../tar/index.js';
import type { AppliedLayer, ApplyOptions, TarEntry, Unsettled } from '../types.js';
import { BadEntry, entryError } from './errors.js';
import { Hardlinks } from './hardlinks.js';
import { Maker } from './make.js';
import { isBelowOpaque, OverlayWhiteouts } from './overlay-whiteouts.js';
import { checkSymlink, placeOf } from './place.js';
import { Resolver } from './resolve.js';
import { Target } from './target.js';
import type { DirectoryNode, Tree } from './tree.js';
import { PlainWhiteouts, type Whiteouts } from './whiteouts.js';
import { type Warn, Xattrs } from './xattrs.js';

export interface ApplyLayerOptions extends ApplyOptions {
  /** digest of the layer's blob, for errors */
  digest: string;
  /** keep digests of all content in the tree, for an mtree manifest */
  digests: boolean;
  /** how many bytes of holes may be hashed for the digests; default: the limit of one operation */
  holes?: HoleBudget;
  /** called where the result differs from the layer, once per layer for each kind of difference */
  warn: (message: string) => void;
  /** called after each entry with the number of entries applied */
  onEntry?: (entries: number) => void;
}

/**
 * Applies a layer to a directory, synchronously: image-spec layer.md, "Applying Changesets".
 *
 * The directory must be private to this process. Names and symlinks on the way are resolved inside the directory:
 * nothing outside is ever opened or changed.
 *
 * @param path the directory; it holds the layers below, or is empty if whiteouts are written
 * @param tree what this applier put there before; updated by this call
 * @throws LayerhookError LAYER_ENTRY, ID_UNMAPPED, NO_SPACE, SYSTEM, and the errors of the reader. The content of the
 *   directory is undefined after an error.
 */
export function applyLayer(
  reader: TarReader,
  path: string,
  tree: Tree,
  options: ApplyLayerOptions,
): Pick<AppliedLayer, 'bytes' | 'entries' | 'unsettled'> {
  tree.layer++;
  let target: Target | undefined;
  try {
    target = new Target(path, tree);
    return new LayerApplier(target, options).apply(reader);
  } catch (error) {
    throw entryError(error, options.digest, error instanceof SystemError ? error.path : fromText(path));
  } finally {
    target?.close();
  }
}

class LayerApplier {
  readonly #options: ApplyLayerOptions;
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #maker: Maker;
  readonly #hardlinks: Hardlinks;
  readonly #whiteouts: Whiteouts;
  readonly #overlay: OverlayWhiteouts | null;

  constructor(target: Target, options: ApplyLayerOptions) {
    this.#options = options;
    this.#target = target;
    const warn = once(options.warn);
    const xattrs = new Xattrs(options, warn);
    this.#resolver = new Resolver(target, (dir, name) => this.#maker.implicitDirectory(dir, name));
    this.#maker = new Maker(target, {
      options,
      xattrs,
      warn,
      digests: options.digests,
      holes: options.holes ?? holeBudget(),
      onRemoved: () => this.#resolver.invalidate(),
      onReplaced: (dir) => this.#overlay?.replaceLower(dir),
    });
    this.#overlay =
      options.whiteouts === 'overlay'
        ? new OverlayWhiteouts(target, this.#resolver, this.#maker, options.overlayXattr)
        : null;
    this.#whiteouts = this.#overlay ?? new PlainWhiteouts(target, this.#resolver, this.#maker);
    this.#hardlinks = new Hardlinks(target, this.#resolver, this.#maker);
  }

  apply(reader: TarReader): Pick<AppliedLayer, 'bytes' | 'entries' | 'unsettled'> {
    let entries = 0;
    for (let entry = reader.next(); entry !== null; entry = reader.next()) {
      this.#target.nextEntry();
      try {
        this.#entry(entry, reader);
      } catch (error) {
        throw entryError(error, this.#options.digest, entry.name);
      }
      entries++;
      this.#options.onEntry?.(entries);
    }
    reader.drain();
    const lowerHardlinks = this.#finishHardlinks();
    this.#whiteouts.finish();
    this.#target.restore();
    return { bytes: reader.position, entries, unsettled: { ...this.#unsettled(), lowerHardlinks } };
  }

  #entry(entry: TarEntry, reader: TarReader): void {
    const place = placeOf(entry);
    switch (place.is) {
      case 'root':
        this.#maker.describe(this.#target.tree.root, entry);
        break;
      case 'file':
        this.#file(place.path, entry, reader);
        break;
      case 'whiteout':
        this.#whiteouts.hide(place.dir, place.name);
        break;
      case 'opaque':
        this.#whiteouts.hideAll(place.dir);
    }
  }

  #file(path: ByteString, entry: TarEntry, reader: TarReader): void {
    const base = baseName(path);
    if (entry.type === 'directory' && this.#isKeptLink(path)) {
      this.#maker.setLink(this.#resolver.make(parentOf(path)), base, entry);
    } else this.#make(this.#resolver.make(parentOf(path)), base, entry, reader);
  }

  #make(dir: DirectoryNode, base: ByteString, entry: TarEntry, reader: TarReader): void {
    switch (entry.type) {
      case 'file':
        this.#maker.file(dir, base, entry, reader);
        break;
      case 'directory':
        this.#maker.directory(dir, base, entry);
        break;
      case 'symlink':
        checkSymlink(entry);
        this.#maker.symlink(dir, base, entry);
        break;
      case 'hardlink':
        this.#hardlinks.add(dir, base, entry.name, entry.linkname);
        break;
      default:
        this.#refuseWhiteoutDevice(entry);
        this.#maker.special(dir, base, entry);
    }
  }

  /** True if `keepDirlinks` is set and the path is a symlink to a directory, which then stays. */
  #isKeptLink(path: ByteString): boolean {
    if (!this.#options.keepDirlinks) return false;
    const { dir } = this.#resolver.find(parentOf(path), { own: true });
    if (dir === null || !statAt(this.#target.fd(dir), baseName(path), this.#target.stat)) return false;
    return this.#target.stat.isSymlink && this.#resolver.find(path, { own: true }).dir !== null;
  }

  #refuseWhiteoutDevice({ type, devMajor, devMinor }: TarEntry): void {
    if (this.#options.whiteouts !== 'overlay' || type !== 'char' || devMajor !== 0 || devMinor !== 0) return;
    throw new BadEntry('is a device 0:0, which overlayfs would read as a whiteout');
  }

  #finishHardlinks(): Unsettled['lowerHardlinks'] {
    const missing = this.#hardlinks.finish();
    const [first] = missing;
    if (first === undefined) return [];
    if (this.#options.whiteouts === null) {
      const error = new BadEntry(`is a hardlink to ${showBytes(first.to)}, which does not exist`);
      throw entryError(error, this.#options.digest, first.entry);
    }
    return missing.map(({ dir, name, to }) => ({ path: dir.pathOf(name), target: to }));
  }

  #unsettled(): Omit<Unsettled, 'lowerHardlinks'> {
    if (this.#overlay === null) return { implicitDirectories: [], hidingDirectories: [], whiteouts: [] };
    const { root, layer } = this.#target.tree;
    const dirs = this.#maker.implicit.filter(
      (dir) => dir.listed !== layer && dir.attached && !dir.replaces && !isBelowOpaque(dir.parent!),
    );
    const hiding = this.#overlay.onlyHiding(dirs);
    const paths = dirs.map((dir) => dir.path);
    return {
      implicitDirectories: root.listed === layer ? paths : ['.', ...paths],
      hidingDirectories: dirs.filter((dir) => hiding.has(dir)).map((dir) => dir.path),
      whiteouts: this.#overlay.paths,
    };
  }
}

function once(tell: (message: string) => void): Warn {
  const told = new Set<string>();
  return (kind, message) => {
    if (told.has(kind)) return;
    told.add(kind);
    tell(message);
  };
}
