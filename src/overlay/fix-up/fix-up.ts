import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import type { MapOptions, OverlayXattr, Unsettled } from '../../layer/types.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import type { LowerFile } from '../lower-stack.js';
import type { LowerTree } from '../lower-tree.js';
import { ancestorsOf } from '../paths.js';
import { BadEntry } from './bad-entry.js';
import type { FixUp } from './context.js';
import { makeLowerHardlinks } from './hardlinks.js';
import { Names } from './names.js';
import { relocate } from './relocate.js';
import { UpperLayer } from './upper-layer.js';

export interface FixUpOptions {
  /** path of the layer's directory */
  directory: string;
  /** what the extraction left open; default: only the root directory, for a layer without entries */
  unsettled?: Unsettled;
  /** null for the lowest layer */
  lower: LowerTree | null;
  xattr: OverlayXattr;
  map: MapOptions;
  /** digest of the layer's blob, for errors */
  digest?: string;
}

/** Something that a layer took from its lower layers: its content is valid only on top of layers with the same value. */
export interface LowerDependency {
  /** path in the layer, latin1 bytes */
  path: string;
  /** a text that is equal for other lower layers if and only if the result would be the same */
  value: string;
}

export interface FixUpResult {
  /** null if the layer cannot be used on top of other lower layers */
  dependencies: LowerDependency[] | null;
  /** true if files were added, moved or removed */
  rearranged: boolean;
}

const rootOnly: Unsettled = {
  implicitDirectories: ['.'],
  hidingDirectories: [],
  whiteouts: [],
  lowerHardlinks: [],
};

/**
 * Fixes up an independently extracted layer so that it is correct on top of its lower layers: a mount of them shows what
 * extracting them into one directory, one after the other, would have given.
 *
 * @throws LayerhookError LAYER_ENTRY, NO_SPACE, SYSTEM
 */
export function fixUpLayer(options: FixUpOptions): FixUpResult {
  const { directory, digest = '' } = options;
  try {
    return new LayerFixUp(options).run();
  } catch (error) {
    if (!(error instanceof BadEntry)) throw fsError(error, `fixing up layer ${digest} in ${directory}`);
    const { path, message } = error;
    throw new LayerhookError('LAYER_ENTRY', { digest, name: showBytes(path), reason: message }, error);
  }
}

class LayerFixUp implements FixUp {
  readonly upper: UpperLayer;
  readonly lower: LowerTree | null;
  readonly names = new Names();
  readonly implicit: Set<ByteString>;
  readonly #unsettled: Unsettled;
  /** the directories of `implicit` that are not fixed up yet */
  readonly #pending: Set<ByteString>;
  readonly #hiding: Set<ByteString>;
  readonly #underWay = new Set<ByteString>();
  #dependencies: LowerDependency[] | null = [];

  constructor({ directory, unsettled = rootOnly, lower, xattr, map }: FixUpOptions) {
    this.upper = new UpperLayer(directory, xattr, map);
    this.implicit = this.names.set(unsettled.implicitDirectories);
    this.#pending = this.names.set(unsettled.implicitDirectories);
    this.#hiding = this.names.set(unsettled.hidingDirectories);
    this.#unsettled = unsettled;
    this.lower = lower;
  }

  run(): FixUpResult {
    const { implicitDirectories, whiteouts, lowerHardlinks } = this.#unsettled;
    for (const path of implicitDirectories) this.fixUpDirectory(this.names.now(path));
    if (this.upper.isOpaque('.')) this.#hideLowerRoot();
    for (const path of whiteouts) this.#fixUpWhiteout(this.names.now(path));
    if (lowerHardlinks.length > 0) {
      this.#dependencies = null;
      makeLowerHardlinks(this, lowerHardlinks);
    }
    this.upper.restoreTimes();
    return { dependencies: this.#dependencies, rearranged: this.upper.rearranged };
  }

  below(path: ByteString): LowerFile | null {
    if (this.lower === null || (this.names.moved && this.upper.isBelowOpaque(path))) return null;
    return this.lower.find(path);
  }

  isHiding(path: ByteString): boolean {
    return this.#hiding.has(path);
  }

  covers(path: ByteString): boolean {
    for (const dir of ancestorsOf(path)) {
      const kind = this.upper.kindOf(dir);
      if (kind === 'none') return false;
      if (kind !== 'directory' || this.upper.isOpaque(dir)) return true;
    }
    return this.upper.kindOf(path) !== 'none';
  }

  makeDirectories(path: ByteString): void {
    for (const dir of [...ancestorsOf(path), path]) {
      if (this.upper.kindOf(dir) !== 'none') continue;
      const lower = this.below(dir);
      this.upper.makeDirectory(dir, lower?.stat.isDirectory ? lower.path : null);
    }
  }

  forget(path: ByteString): void {
    this.implicit.delete(path);
    this.#pending.delete(path);
  }

  isUnderWay(path: ByteString): boolean {
    return this.#underWay.has(path);
  }

  fixUpDirectory(path: ByteString): void {
    if (!this.#pending.delete(path) || this.upper.kindOf(path) !== 'directory') return;
    this.#underWay.add(path);
    this.#fixUpImplicit(path);
    this.#underWay.delete(path);
  }

  #fixUpImplicit(path: ByteString): void {
    const lower = this.below(path);
    this.#depend(path);
    if (lower?.stat.isDirectory) this.upper.describeAs(path, lower.path);
    else if (lower?.stat.isSymlink) {
      this.#dependencies = null;
      relocate(this, path, lower.path);
    } else if (this.isHiding(path)) this.upper.remove(path);
    else this.upper.describeAsImplicit(path);
  }

  /** Hides every name of the lower root directory: overlayfs ignores an opaque marker on a root directory. */
  #hideLowerRoot(): void {
    this.#dependencies = null;
    for (const name of this.lower?.namesInRoot() ?? []) {
      const kind = this.upper.kindOf(name);
      if (kind === 'none') this.upper.makeWhiteout(name);
      else if (kind === 'directory') this.upper.markOpaque(name);
    }
  }

  /** Removes a whiteout that hides nothing: a mount would list it in a directory that the lower layers lack. */
  #fixUpWhiteout(path: ByteString): void {
    if (this.upper.kindOf(path) !== 'whiteout') return;
    this.#depend(path);
    if (this.below(path) === null) this.upper.remove(path);
  }

  #depend(path: ByteString): void {
    this.#dependencies?.push({ path, value: this.lower?.describe(path) ?? 'none' });
  }
}
