import { chmodSync, chownSync, statSync, utimesSync } from 'node:fs';
import { fsError, type LayerContext } from 'layerhook';
import type { Making, SubvolumeStore } from './store.js';

/** The unpack of one bundle: which layers the store has, and which one is being added. */
export class Unpacking {
  readonly #store: SubvolumeStore;
  /** index of the highest layer that the store had at the start; -1 for none */
  readonly #have: number;
  #making: Making | null = null;
  readonly #whole: string;
  #complete = false;

  constructor(store: SubvolumeStore, context: LayerContext) {
    this.#store = store;
    this.#have = context.treeIDs.findLastIndex((name) => store.has(name));
    this.#whole = context.treeIDs.at(-1)!;
  }

  /** The name of the subvolume with all layers; undefined unless the store has it and no other hook contributed to it. */
  get whole(): string | undefined {
    return this.#complete ? this.#whole : undefined;
  }

  /** Returns true if the store has the layer on top of its lower layers. If not, other processes now wait for this one. */
  async skips(context: LayerContext): Promise<boolean> {
    const { index, treeID, treeIDs, signal } = context;
    this.giveUp();
    if (index > this.#have) this.#making = await this.#store.make(treeID, signal);
    const skipped = this.#making === null;
    this.#complete = skipped && index === treeIDs.length - 1;
    return skipped;
  }

  /**
   * Returns the directory to extract the layer into, which contains the lower layers; undefined if another hook holds the
   * lower layers, so that the layer belongs on top of those.
   */
  begin(context: LayerContext): string | undefined {
    const { index, treeIDs, rootfs } = context;
    const making = this.#making;
    const below = index === 0 ? null : treeIDs[index - 1]!;
    if (making === null || (below !== null && !this.#store.has(below))) return undefined;
    try {
      this.#store.begin(making, below);
      if (below === null) copyRoot(rootfs, making.path);
    } catch (error) {
      throw fsError(error, `cannot make ${making.path}`);
    }
    return making.path;
  }

  /** Adds the extracted layer to the store, if it was extracted into the directory from `begin`. */
  commit({ target, index, chainIDs }: { target: string; index: number; chainIDs: string[] }): void {
    if (this.#making?.path !== target) return;
    try {
      this.#making.commit();
    } catch (error) {
      throw fsError(error, `cannot keep ${target}`);
    }
    this.#complete = index === chainIDs.length - 1;
    this.giveUp();
  }

  /** Removes the unfinished layer, and lets other processes create it. */
  giveUp(): void {
    this.#making?.release();
    this.#making = null;
  }
}

/** Copies mode, owner and times of the rootfs, set by the engine, to a new root directory. */
function copyRoot(from: string, to: string): void {
  const { mode, uid, gid, atime, mtime } = statSync(from);
  chownSync(to, uid, gid);
  chmodSync(to, mode & 0o7777);
  utimesSync(to, atime, mtime);
}
