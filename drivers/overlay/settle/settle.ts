import type { ByteString, MapOptions, OverlayXattr, Unsettled } from 'layerhook';
import type { LayerDependency } from 'layerhook/store';
import { makeLowerHardlinks } from './hardlinks.js';
import type { Lower, LowerLayers } from './lower-layers.js';
import { Names } from './names.js';
import { ancestorsOf } from './paths.js';
import { relocate } from './relocate.js';
import { UpperLayer } from './upper-layer.js';

export interface SettleOptions {
  /** the layer's directory */
  directory: string;
  unsettled: Unsettled;
  /** null: it is the lowest layer */
  below: LowerLayers | null;
  xattr: OverlayXattr;
  map: MapOptions;
}

export interface Settled {
  /** what was taken from below; null if other layers below would make too much of a difference */
  dependencies: LayerDependency[] | null;
  /** whether there is anything else in the layer than what was extracted, or less */
  rearranged: boolean;
}

/**
 * Makes of a layer that was extracted by itself what it is on top of the layers below: a mount of them then shows what
 * there would be had they been extracted into one directory, one after the other.
 *
 * @throws BadEntry, SystemError
 */
export function settle(options: SettleOptions): Settled {
  return new Settler(options).run();
}

/** One layer that is being settled. */
export class Settler {
  readonly upper: UpperLayer;
  readonly names = new Names();
  /** directories of which the layer itself says nothing */
  readonly implicit: Set<ByteString>;
  readonly #unsettled: Unsettled;
  readonly #below: LowerLayers | null;
  /** those of `implicit` that were not yet looked at */
  readonly #pending: Set<ByteString>;
  readonly #hiding: Set<ByteString>;
  readonly #settling = new Set<ByteString>();
  #dependencies: LayerDependency[] | null = [];

  constructor({ directory, unsettled, below, xattr, map }: SettleOptions) {
    this.upper = new UpperLayer(directory, xattr, map);
    this.implicit = this.names.set(unsettled.implicitDirectories);
    this.#pending = this.names.set(unsettled.implicitDirectories);
    this.#hiding = this.names.set(unsettled.hidingDirectories);
    this.#unsettled = unsettled;
    this.#below = below;
  }

  run(): Settled {
    const { implicitDirectories, whiteouts, lowerHardlinks } = this.#unsettled;
    for (const path of implicitDirectories) this.settleDirectory(this.names.now(path));
    if (this.upper.isOpaque('.')) this.#hideAllBelow();
    for (const path of whiteouts) this.#settleWhiteout(this.names.now(path));
    if (lowerHardlinks.length > 0) {
      this.#dependencies = null;
      makeLowerHardlinks(this, lowerHardlinks);
    }
    this.upper.restoreTimes();
    return { dependencies: this.#dependencies, rearranged: this.upper.rearranged };
  }

  /** What the layers below show at a path; nothing where this layer hides them. */
  below(path: ByteString): Lower {
    if (this.#below === null || (this.names.moved && this.upper.isBelowOpaque(path))) return { kind: 'none' };
    return this.#below.lookup(path);
  }

  /** Whether a directory is there only to hide something below. */
  isHiding(path: ByteString): boolean {
    return this.#hiding.has(path);
  }

  /** Whether the layer has something at a path, or hides what the layers below have there. */
  covers(path: ByteString): boolean {
    for (const dir of ancestorsOf(path)) {
      const kind = this.upper.kindOf(dir);
      if (kind === 'none') return false;
      if (kind !== 'directory' || this.upper.isOpaque(dir)) return true;
    }
    return this.upper.kindOf(path) !== 'none';
  }

  /** Makes directories in the layer that stand for those below. */
  makeDirectories(path: ByteString): void {
    for (const dir of [...ancestorsOf(path), path]) {
      if (this.upper.kindOf(dir) !== 'none') continue;
      const lower = this.below(dir);
      this.upper.makeDirectory(dir, lower.kind === 'directory' ? lower.path : null);
    }
  }

  /** Says that a directory needs nothing from below any more. */
  forget(path: ByteString): void {
    this.implicit.delete(path);
    this.#pending.delete(path);
  }

  /** Whether it is being found out what an implicit directory is: a path that leads to it then is a loop. */
  isSettling(path: ByteString): boolean {
    return this.#settling.has(path);
  }

  /** Gives an implicit directory what the layers below say of it, or takes it away; does nothing for any other. */
  settleDirectory(path: ByteString): void {
    if (!this.#pending.delete(path) || this.upper.kindOf(path) !== 'directory') return;
    this.#settling.add(path);
    this.#settle(path);
    this.#settling.delete(path);
  }

  #settle(path: ByteString): void {
    const lower = this.below(path);
    this.#depend(path);
    if (lower.kind === 'directory') this.upper.describeAs(path, lower.path);
    else if (lower.kind === 'symlink') {
      this.#dependencies = null;
      relocate(this, path, lower.path);
    } else if (this.isHiding(path)) this.upper.remove(path);
    else this.upper.describeAsImplicit(path);
  }

  /** overlayfs merges root directories whatever they say. */
  #hideAllBelow(): void {
    this.#dependencies = null;
    for (const name of this.#below?.namesInRoot() ?? []) {
      const kind = this.upper.kindOf(name);
      if (kind === 'none') this.upper.makeWhiteout(name);
      else if (kind === 'directory') this.upper.markOpaque(name);
    }
  }

  /** A whiteout of nothing would be seen in a directory that is in no layer below. */
  #settleWhiteout(path: ByteString): void {
    if (this.upper.kindOf(path) !== 'whiteout') return;
    this.#depend(path);
    if (this.below(path).kind === 'none') this.upper.remove(path);
  }

  #depend(path: ByteString): void {
    this.#dependencies?.push({ path, value: this.#below?.describe(path) ?? 'none' });
  }
}
