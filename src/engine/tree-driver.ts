import { createHash, randomBytes } from 'node:crypto';
import { rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chainIDs } from '../image/chain.js';
import type { Digest } from '../image/types.js';
import { compareTrees } from '../layer/compare-trees.js';
import type { Change } from '../layer/types.js';
import {
  type DeltaContext,
  type Driver,
  type DriverFactory,
  declined,
  type ImageContext,
  type LayerContext,
  type RefreshContext,
} from '../points/points.js';
import { Slot } from '../points/slot.js';
import { exists } from '../system/exists.js';
import { makeDirectory } from '../system/make-directory.js';
import { publish } from '../system/publish.js';
import { readRegularFile } from '../system/regular-file.js';
import { removeTree } from '../system/remove.js';
import { applyLayer } from './unpack/apply-layer.js';

type Awaitable<T> = T | Promise<T>;

/** How a store copies trees. Paths are absolute. */
export interface TreeDriverOptions {
  name: string;
  /** Copies the directory tree `from` to the missing path `to`, with all attributes and times. Writes to one tree leave the other. */
  clone(from: string, to: string): Awaitable<void>;
  /** Removes a tree that {@link clone} has made; default: file by file */
  remove?(path: string): Awaitable<void>;
}

/**
 * Returns the factory of a driver whose store keeps one directory tree for each chain of layers. An image whose trees are there is unpacked by one
 * clone; a repack compares the rootfs with the tree below it. A kill leaves only `*.partial` trees, which the operator may remove at any time.
 */
export function treeDriver({ name, clone, remove }: TreeDriverOptions): DriverFactory {
  return ({ store }): Driver => {
    const trees = new Trees(join(String(store), name), clone, remove ?? ((path) => void removeTree(path)));
    return {
      name,
      hooks: {
        // without it, the engine removes the rootfs file by file
        ...(remove && {
          'bundle.ociv1.remove': ({ rootfs }) => (exists(rootfs) ? remove(rootfs) : undefined),
        }),
        'unpack.ociv1.layer.try-skip': (context) => trees.skip(context),
        'unpack.ociv1.layer.post-extract': (context) => trees.keep(context),
        'unpack.ociv1.bundle.assemble': (context) => trees.note(context),
        'repack.ociv1.layer.delta-list': (context) => trees.delta(context),
        'repack.ociv1.layer.refresh-bundle': (context) => trees.refresh(context),
      },
    };
  };
}

/** The state of one unpack. */
interface Unpacking {
  /** index of the highest layer whose tree is in the store; -1: none */
  have: number;
  keepDirlinks: boolean;
}

/** Beside the rootfs of a bundle: how it was unpacked. Its mtime is the time when the rootfs was complete. */
const noteName = 'layerhook.tree.json';

class Trees {
  readonly #root: string;
  readonly #clone: TreeDriverOptions['clone'];
  readonly #remove: NonNullable<TreeDriverOptions['remove']>;
  readonly #unpacking = new Slot((context: LayerContext): Unpacking => {
    const have = context.chainIDs.findLastIndex((chainID) => exists(this.#path(chainID, context)));
    return { have, keepDirlinks: context.keepDirlinks };
  });

  constructor(
    root: string,
    clone: TreeDriverOptions['clone'],
    remove: NonNullable<TreeDriverOptions['remove']>,
  ) {
    this.#root = root;
    this.#clone = clone;
    this.#remove = remove;
  }

  async skip(context: LayerContext): Promise<{ skip: boolean }> {
    const { have } = this.#unpacking.of(context);
    const { index, rootfs, chainID } = context;
    if (index === have) {
      rmdirSync(rootfs);
      await this.#clone(this.#path(chainID, context), rootfs);
    }
    return { skip: index <= have };
  }

  async keep(context: LayerContext): Promise<void> {
    const { chainID, chainIDs, rootfs } = context;
    if (chainID === chainIDs.at(-1)) await this.#make(this.#path(chainID, context), rootfs, () => {});
  }

  note(context: ImageContext): typeof declined {
    const keepDirlinks = this.#unpacking.find(context)?.keepDirlinks ?? false;
    writeFileSync(noteOf(context), JSON.stringify({ keepDirlinks }));
    return declined;
  }

  async delta(context: DeltaContext): Promise<Change[] | typeof declined> {
    const { config, rootfs, signal } = context;
    const variant = readNote(context);
    const chainID = chainIDs(config.rootfs.diff_ids).at(-1);
    const tree = chainID && variant && this.#path(chainID, variant);
    if (!tree || !exists(tree)) return declined;
    const since = statSync(noteOf(context), { bigint: true }).mtimeNs;
    return compareTrees(tree, rootfs, { since, signal });
  }

  /** Applies the new layer to a clone of the tree below: the rootfs has what the layer lacks, such as masked paths. */
  async refresh(context: RefreshContext): Promise<void> {
    const { layer, layout, config, map, signal, log } = context;
    const variant = readNote(context);
    const lower = chainIDs(config.rootfs.diff_ids).at(-2);
    const tree = lower && variant && this.#path(lower, variant);
    if (!layer || !variant || !tree || !exists(tree)) return;
    const { keepDirlinks } = variant;
    await this.#make(this.#path(layer.chainID, variant), tree, (target) =>
      applyLayer({ ...layer, layout, target, map, keepDirlinks, signal, log }),
    );
  }

  async #make(final: string, from: string, finish: (tree: string) => unknown): Promise<void> {
    if (exists(final)) return;
    makeDirectory(this.#root, 0o700);
    const temporary = `${final}.${randomBytes(6).toString('hex')}.partial`;
    try {
      await this.#clone(from, temporary);
      await finish(temporary);
      if (!(await publish(temporary, final))) await this.#remove(temporary);
    } catch (error) {
      await Promise.resolve(this.#remove(temporary)).catch(() => {});
      throw error;
    }
  }

  #path(chainID: Digest, { map, keepDirlinks }: Pick<LayerContext, 'map' | 'keepDirlinks'>): string {
    const key = JSON.stringify([chainID, map.uidMappings, map.gidMappings, map.rootless, keepDirlinks]);
    return join(this.#root, createHash('sha256').update(key).digest('hex'));
  }
}

function noteOf({ rootfs }: ImageContext): string {
  return join(dirname(rootfs), noteName);
}

/** @returns null for a bundle of another driver */
function readNote(context: ImageContext): Pick<LayerContext, 'map' | 'keepDirlinks'> | null {
  const note = readRegularFile(noteOf(context));
  if (note === undefined) return null;
  const { keepDirlinks } = JSON.parse(note.toString()) as { keepDirlinks?: unknown };
  return { map: context.map, keepDirlinks: keepDirlinks === true };
}
