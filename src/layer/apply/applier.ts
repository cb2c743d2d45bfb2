import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { SystemError } from '../../system/errno.js';
import { baseName, parentOf } from '../../system/paths.js';
import {
  type LayerBudget,
  layerBudget,
  shortLinkBytes,
  takeEntry,
  takeLinkSteps,
  takePath,
} from '../../tar/budget.js';
import type { TarReader } from '../../tar/index.js';
import { type HoleBudget, holeBudget } from '../holes.js';
import { LowerStack } from '../lower/lower-stack.js';
import type { AppliedLayer, ApplyOptions, TarEntry, Unsettled } from '../types.js';
import { BadEntry, BadPath, entryError } from './errors.js';
import { Hardlinks } from './hardlinks.js';
import { LowerFiles } from './lower-files.js';
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
  /** what the layers of the operation may cost; default: the default limits, for this layer alone */
  budget?: LayerBudget;
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
 * @param path the directory; it holds the layers below, or is empty if whiteouts are written. Without `lowerdirs`, such
 *   a layer is extracted independently: what depends on the layers below comes back as `unsettled`.
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
    const { lowerdirs, overlayXattr } = options;
    const lower = lowerdirs === undefined ? null : LowerStack.open(lowerdirs, overlayXattr);
    target = new Target(path, tree, lower);
    return new LayerApplier(target, options).apply(reader);
  } catch (error) {
    throw entryError(error, options.digest, error instanceof SystemError ? error.path : fromText(path));
  } finally {
    target?.close();
  }
}

class LayerApplier {
  readonly #options: ApplyLayerOptions;
  readonly #budget: LayerBudget;
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #maker: Maker;
  readonly #hardlinks: Hardlinks;
  readonly #whiteouts: Whiteouts;
  readonly #overlay: OverlayWhiteouts | null;
  /** the files of the layers below, where the target does not hold them */
  readonly #lower: LowerFiles | null;
  /** directories that may be symlinks in the layers below */
  readonly #assumed = new Set<DirectoryNode>();

  constructor(target: Target, options: ApplyLayerOptions) {
    this.#options = options;
    this.#target = target;
    const warn = once(options.warn);
    const xattrs = new Xattrs(options, warn);
    const { budget = layerBudget(), lowerdirs, overlayXattr, map } = options;
    this.#budget = budget;
    this.#resolver = new Resolver(target, {
      makeImplicit: (dir, name, path) => {
        takeEntry(budget, options.digest);
        takePath(budget, path.length, showBytes(path));
        return this.#assume(this.#maker.implicitDirectory(dir, name));
      },
      onLink: (steps, path) => takeLinkSteps(budget, steps, showBytes(path)),
    });
    this.#maker = new Maker(target, {
      options,
      xattrs,
      warn,
      digests: options.digests,
      holes: options.holes ?? holeBudget(),
      onRemoved: () => this.#resolver.invalidate(),
      onReplaced: (dir) => this.#whiteouts.replaceLower(dir),
    });
    this.#overlay =
      options.whiteouts === 'overlay'
        ? new OverlayWhiteouts(target, this.#resolver, this.#maker, overlayXattr)
        : null;
    this.#whiteouts = this.#overlay ?? new PlainWhiteouts(target, this.#resolver, this.#maker);
    const setsOwners = !map.rootless;
    this.#lower =
      lowerdirs === undefined
        ? null
        : new LowerFiles(target, this.#resolver, { lowerdirs, overlayXattr, xattrs, setsOwners });
    this.#hardlinks = new Hardlinks(target, this.#resolver, this.#maker, this.#lower);
  }

  apply(reader: TarReader): Pick<AppliedLayer, 'bytes' | 'entries' | 'unsettled'> {
    let entries = 0;
    let refused: Unsettled['refused'] = null;
    for (let entry = reader.next(); entry !== null; entry = reader.next()) {
      this.#target.nextEntry();
      try {
        if (refused === null) this.#entry(entry, reader);
      } catch (error) {
        if (!this.#isIndependent || !(error instanceof BadPath)) {
          throw entryError(error, this.#options.digest, entry.name);
        }
        refused = { name: showBytes(entry.name), reason: error.message };
      }
      entries++;
      this.#options.onEntry?.(entries);
    }
    reader.drain();
    if (refused !== null) return { bytes: reader.position, entries, unsettled: { ...noUnsettled, refused } };
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
        takePath(this.#budget, entry.name.length, showBytes(entry.name));
        this.#whiteouts.hide(place.dir, place.name);
        break;
      case 'opaque':
        this.#whiteouts.hide(place.dir, null);
    }
  }

  #file(path: ByteString, entry: TarEntry, reader: TarReader): void {
    const base = baseName(path);
    if (entry.type === 'directory' && this.#isKeptLink(path)) {
      const dir = this.#resolver.make(parentOf(path));
      this.#lower?.copyUp(dir, base);
      this.#maker.setLink(dir, base, entry);
    } else this.#make(this.#resolver.make(parentOf(path)), base, entry, reader);
  }

  #make(dir: DirectoryNode, base: ByteString, entry: TarEntry, reader: TarReader): void {
    switch (entry.type) {
      case 'file':
        this.#maker.file(dir, base, entry, reader);
        break;
      case 'directory': {
        const made = this.#maker.directory(dir, base, entry);
        if (this.#options.keepDirlinks) this.#assume(made);
        break;
      }
      case 'symlink':
        checkSymlink(entry);
        this.#maker.symlink(dir, base, entry);
        break;
      case 'hardlink':
        takePath(
          this.#budget,
          entry.name.length + entry.linkname.length - shortLinkBytes,
          showBytes(entry.name),
        );
        this.#hardlinks.add(dir, base, entry.linkname);
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
    if (dir === null || typeof this.#resolver.step(dir, baseName(path)) !== 'string') return false;
    const { stop } = this.#resolver.find(path, { own: true });
    if (stop !== null) this.#hardlinks.assumeMissing(stop);
    return stop === null;
  }

  /** Notes a directory that the layer makes because it does not know the layers below. */
  #assume(dir: DirectoryNode): DirectoryNode {
    if (!dir.replaces && this.#isIndependent) this.#assumed.add(dir);
    return dir;
  }

  get #isIndependent(): boolean {
    return this.#overlay !== null && this.#lower === null;
  }

  #refuseWhiteoutDevice({ type, devMajor, devMinor }: TarEntry): void {
    if (this.#options.whiteouts !== 'overlay' || type !== 'char' || devMajor !== 0 || devMinor !== 0) return;
    throw new BadEntry('is a device 0:0, which overlayfs would read as a whiteout');
  }

  /** @returns the hardlinks of an independent extraction that may lead to the layers below */
  #finishHardlinks(): Unsettled['lowerHardlinks'] {
    const bad = this.#hardlinks.finish();
    const [first] = bad;
    if (first === undefined) return [];
    if (!this.#isIndependent) {
      throw entryError(new BadEntry(first.reason), this.#options.digest, first.path);
    }
    return bad.map(({ path, target }) => ({ path, target }));
  }

  #unsettled(): Omit<Unsettled, 'lowerHardlinks'> {
    const overlay = this.#overlay;
    if (overlay === null) return noUnsettled;
    const { root, layer } = this.#target.tree;
    const isOpen = (dir: DirectoryNode) =>
      dir.listed !== layer && dir.attached && !dir.replaces && !isBelowOpaque(dir.parent!);
    const dirs = [...this.#maker.implicit, ...this.#target.entered].filter(isOpen);
    dirs.sort((a, b) => a.depth - b.depth);
    const hiding = overlay.onlyHiding(dirs);
    const paths = dirs.map((dir) => dir.path);
    const known = new Set(dirs);
    return {
      implicitDirectories: root.listed === layer ? paths : ['.', ...paths],
      hidingDirectories: dirs.filter((dir) => hiding.has(dir)).map((dir) => dir.path),
      whiteouts: overlay.paths,
      assumedDirectories: [...this.#assumed].filter((dir) => !known.has(dir)).map((dir) => dir.path),
      assumedMissing: this.#isIndependent ? [...this.#hardlinks.missing] : [],
      refused: null,
    };
  }
}

const noUnsettled: Unsettled = {
  implicitDirectories: [],
  hidingDirectories: [],
  whiteouts: [],
  assumedDirectories: [],
  assumedMissing: [],
  lowerHardlinks: [],
  refused: null,
};

function once(tell: (message: string) => void): Warn {
  const told = new Set<string>();
  return (kind, message) => {
    if (told.has(kind)) return;
    told.add(kind);
    tell(message);
  };
}
