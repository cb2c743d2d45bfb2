import { fsError } from '../../errors/fs-error.js';
import { type MapOptions, nothingUnsettled, type OverlayXattr, type Unsettled } from '../../layer/types.js';
import type { ByteString } from '../../system/bytes.js';
import type { LowerTree } from '../lower-tree.js';
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
}

const rootOnly: Unsettled = { ...nothingUnsettled, implicitDirectories: ['.'] };

/**
 * Fixes up an independently extracted layer so that it is correct on top of its lower layers: a mount of them shows what
 * extracting them into one directory, one after the other, would have given.
 *
 * @returns null if entries went to wrong places, because the lower layers have
 *   symlinks or targets of hardlinks there: the layer must be extracted again, with `lowerdirs`
 * @throws LayerhookError NO_SPACE, SYSTEM
 */
export function fixUpLayer(options: FixUpOptions): FixUpResult | null {
  const { directory, unsettled = rootOnly, lower, digest = '' } = options;
  try {
    // the extraction on top of the lower layers makes the missing link, or the error
    if (unsettled.refused !== null || unsettled.lowerHardlinks.length > 0) return null;
    return lower !== null && isMisplaced(unsettled, lower) ? null : new LayerFixUp(options).run();
  } catch (error) {
    throw fsError(error, `fixing up layer ${digest} in ${directory}`);
  }
}

/** Returns true if an independent extraction put entries elsewhere than an extraction on top of the lower layers. */
function isMisplaced(unsettled: Unsettled, lower: LowerTree): boolean {
  const { implicitDirectories, assumedDirectories, assumedMissing } = unsettled;
  const isSymlink = (path: ByteString) => lower.find(path)?.stat.isSymlink === true;
  return (
    implicitDirectories.some(isSymlink) ||
    assumedDirectories.some(isSymlink) ||
    assumedMissing.some((path) => lower.find(path) !== null)
  );
}

class LayerFixUp {
  readonly #upper: UpperLayer;
  readonly #lower: LowerTree | null;
  readonly #unsettled: Unsettled;
  readonly #dependencies: LowerDependency[] = [];

  constructor({ directory, unsettled = rootOnly, lower, xattr, map }: FixUpOptions) {
    this.#upper = new UpperLayer(directory, xattr, map);
    this.#unsettled = unsettled;
    this.#lower = lower;
  }

  run(): FixUpResult {
    const { implicitDirectories, hidingDirectories, whiteouts } = this.#unsettled;
    const { assumedDirectories, assumedMissing } = this.#unsettled;
    const hiding = new Set(hidingDirectories);
    for (const path of implicitDirectories) this.#fixUpDirectory(path, hiding.has(path));
    const hidesRoot = this.#upper.isOpaque('.');
    if (hidesRoot) this.#hideLowerRoot();
    for (const path of whiteouts) this.#fixUpWhiteout(path);
    for (const path of [...assumedDirectories, ...assumedMissing]) this.#depend(path);
    this.#upper.restoreTimes();
    return { dependencies: hidesRoot ? null : this.#dependencies };
  }

  /** Gives a directory that the layer does not list the metadata of the lower directory, or removes it. */
  #fixUpDirectory(path: ByteString, isHiding: boolean): void {
    if (this.#upper.kindOf(path) !== 'directory') return;
    const lower = this.#lower?.find(path);
    this.#depend(path);
    if (lower?.stat.isDirectory) this.#upper.describeAs(path, lower.path);
    else if (isHiding) this.#upper.remove(path);
    else this.#upper.describeAsImplicit(path);
  }

  /** Hides every name of the lower root directory: overlayfs ignores an opaque marker on a root directory. */
  #hideLowerRoot(): void {
    for (const name of this.#lower?.namesInRoot() ?? []) {
      const kind = this.#upper.kindOf(name);
      if (kind === 'none') this.#upper.makeWhiteout(name);
      else if (kind === 'directory') this.#upper.markOpaque(name);
    }
  }

  /** Removes a whiteout that hides nothing: a mount would list it in a directory that the lower layers lack. */
  #fixUpWhiteout(path: ByteString): void {
    if (this.#upper.kindOf(path) !== 'whiteout') return;
    this.#depend(path);
    if (this.#lower?.find(path) == null) this.#upper.remove(path);
  }

  #depend(path: ByteString): void {
    this.#dependencies.push({ path, value: this.#lower?.describe(path) ?? 'none' });
  }
}
