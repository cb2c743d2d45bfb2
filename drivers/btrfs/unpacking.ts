import { chmodSync, chownSync, statSync, utimesSync } from 'node:fs';
import { fsError, type LayerContext } from 'layerhook/driver';
import { type Making, type SubvolumeStore, subvolumeName } from './store.js';

/** One bundle on its way: which layers the store has, and which one it is taking in. */
export class Unpacking {
  readonly #store: SubvolumeStore;
  /** index of the highest layer that was there from the beginning; -1 for none */
  readonly #have: number;
  #making: Making | null = null;
  /** whether the store has what all layers make */
  isComplete = false;

  constructor(store: SubvolumeStore, { chainIDs, map }: LayerContext) {
    this.#store = store;
    this.#have = chainIDs.findLastIndex((chainID) => store.has(subvolumeName(chainID, map)));
  }

  /** Whether the store has the layer on top of those below it; if not, others now wait for this process to make it. */
  async skips({ index, chainIDs, chainID, map, signal }: LayerContext): Promise<boolean> {
    this.giveUp();
    if (index > this.#have) this.#making = await this.#store.make(subvolumeName(chainID, map), signal);
    const skipped = this.#making === null;
    this.isComplete = skipped && index === chainIDs.length - 1;
    return skipped;
  }

  /**
   * The directory to extract the layer into, with what the layers below make; undefined if another hook has
   * these, and the layer belongs on top of them.
   */
  begin({ index, lowerChainIDs, rootfs, map }: LayerContext): string | undefined {
    const making = this.#making;
    const below = index === 0 ? null : subvolumeName(lowerChainIDs.at(-1)!, map);
    if (making === null || (below !== null && !this.#store.has(below))) return undefined;
    try {
      this.#store.begin(making, below);
      if (below === null) copyRoot(rootfs, making.path);
    } catch (error) {
      throw fsError(error, `cannot make ${making.path}`);
    }
    return making.path;
  }

  /** Keeps what was extracted, if that was into the directory that was given for it. */
  commit({ target, index, chainIDs }: { target: string; index: number; chainIDs: string[] }): void {
    if (this.#making?.path !== target) return;
    try {
      this.#making.commit();
    } catch (error) {
      throw fsError(error, `cannot keep ${target}`);
    }
    this.isComplete = index === chainIDs.length - 1;
    this.giveUp();
  }

  /** Lets others make what this process has not. */
  giveUp(): void {
    this.#making?.release();
    this.#making = null;
  }
}

/** Gives a new root directory what the engine has given the rootfs that it stands for. */
function copyRoot(from: string, to: string): void {
  const { mode, uid, gid, atime, mtime } = statSync(from);
  chownSync(to, uid, gid);
  chmodSync(to, mode & 0o7777);
  utimesSync(to, atime, mtime);
}
