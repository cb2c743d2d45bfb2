import { chmodSync, chownSync, statSync, utimesSync } from 'node:fs';
import { fsError, type LayerContext } from 'layerhook';
import { subvolumeName } from './names.js';
import type { Making, SubvolumeStore } from './store.js';

/** One bundle on its way: which layers the store has, and which one it is taking in. */
export class Unpacking {
  readonly #store: SubvolumeStore;
  /** index of the highest layer that was there from the beginning; -1 for none */
  readonly #have: number;
  #making: Making | null = null;
  readonly #whole: string;
  #complete = false;

  constructor(store: SubvolumeStore, context: LayerContext) {
    this.#store = store;
    this.#have = context.chainIDs.findLastIndex((chainID) => store.has(subvolumeName(chainID, context)));
    this.#whole = subvolumeName(context.chainIDs.at(-1)!, context);
  }

  /** The name of what all layers make; undefined unless the store has it, and no other hook has a part in it. */
  get whole(): string | undefined {
    return this.#complete ? this.#whole : undefined;
  }

  /** Whether the store has the layer on top of those below it; if not, others now wait for this process to make it. */
  async skips(context: LayerContext): Promise<boolean> {
    const { index, chainIDs, chainID, signal } = context;
    this.giveUp();
    if (index > this.#have) this.#making = await this.#store.make(subvolumeName(chainID, context), signal);
    const skipped = this.#making === null;
    this.#complete = skipped && index === chainIDs.length - 1;
    return skipped;
  }

  /**
   * The directory to extract the layer into, with what the layers below make; undefined if another hook has
   * these, and the layer belongs on top of them.
   */
  begin(context: LayerContext): string | undefined {
    const { lowerChainIDs, rootfs } = context;
    const making = this.#making;
    const lower = lowerChainIDs.at(-1);
    const below = lower === undefined ? null : subvolumeName(lower, context);
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
    this.#complete = index === chainIDs.length - 1;
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
