import { realpathSync } from 'node:fs';
import { isLayerhookError } from '../../errors/index.js';
import { unmountTree } from '../../overlay/mount.js';
import { exists } from '../../system/exists.js';
import type { Unlock } from '../../system/lock.js';
import type { Context } from '../context/context.js';
import { labelsOfLayer } from '../context/labels.js';
import { extractionPrefix, nameOf } from '../context/name.js';
import type { LayerRecord } from '../metadata/record-types.js';
import { getName } from '../metadata/records.js';
import type { Writer } from '../metadata/transaction.js';
import { type CommitDetails, commitActive, flushIfSync, measureActive } from '../snapshots/commit.js';
import { createContent } from '../snapshots/create.js';
import { removeSnapshot } from '../snapshots/remove.js';
import { supersede } from '../snapshots/supersede.js';
import type { LayerExtraction, LayerIdentity } from '../types.js';
import { ownContent } from './find.js';

type CommitOptions = Parameters<LayerExtraction['commit']>[0];

/** A layer that this process extracts: see LayerExtraction. It holds the layer's lock until it is committed or discarded. */
export class Extraction implements LayerExtraction {
  readonly key: string;
  readonly target: string;
  readonly mtree: string;
  readonly image: string;
  readonly #context: Context;
  readonly #layer: LayerIdentity;
  readonly #unlock: Unlock;
  #ended = false;

  constructor(context: Context, layer: LayerIdentity, unlock: Unlock) {
    this.#context = context;
    this.#layer = layer;
    this.#unlock = unlock;
    this.key = extractionPrefix + nameOf(layer);
    const content = this.#create();
    this.target = context.directories.fs(content);
    this.mtree = context.directories.mtree(content);
    this.image = context.directories.image(content);
  }

  #create(): string {
    const create = () => createContent(this.#context, 'active', this.key, '')[0];
    try {
      return create();
    } catch (error) {
      if (!isLayerhookError(error, 'SNAPSHOT_EXISTS')) throw error;
      // This process holds the layer's lock, so the process that left the snapshot is dead.
      removeIfThere(this.#context, this.key);
      return create();
    }
  }

  async commit(options: CommitOptions): Promise<void> {
    try {
      await this.#commit(options);
      this.#end();
    } catch (error) {
      // On a full disk even the removal may fail: cleanup removes it later.
      await this.discard().catch(() => this.#end());
      throw error;
    }
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    removeIfThere(this.#context, this.key);
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#unlock();
  }

  async #commit(options: CommitOptions): Promise<void> {
    const { db, directories } = this.#context;
    const sealed =
      options.erofs && (await (await import('../erofs/seal.js')).sealImage(this.image, options.erofs));
    const usage = sealed?.usage ?? options.usage ?? (await measureActive(this.#context, this.key));
    await flushIfSync(this.#context);
    const freed = db.write((writer) => {
      // a client that does not take the lock, such as containerd, may have committed the layer meanwhile
      const own = ownContent(this.#context, writer, this.#layer);
      if (own !== undefined) return undefined;
      return supersede(this.#context, writer, this.#layer, () =>
        this.#name(writer, { ...options, usage, erofs: sealed?.record }),
      );
    });
    if (freed === undefined) removeIfThere(this.#context, this.key);
    directories.remove(freed ?? []);
  }

  #name(
    writer: Writer,
    {
      dependencies,
      labels,
      ...details
    }: Omit<CommitDetails, 'layer'> & Pick<CommitOptions, 'dependencies' | 'parent'>,
  ): string {
    const { diffID, chainID, map } = this.#layer;
    const layer: LayerRecord = { diffID, map, chainIDs: [chainID], dependencies };
    return commitActive(this.#context, writer, nameOf(this.#layer), this.key, {
      ...details,
      ...{ labels: { ...labels, ...labelsOfLayer(this.#layer) }, layer },
    });
  }
}

/**
 * Removes the snapshot of an unfinished extraction, if it exists, but nothing that is mounted in it.
 *
 * @throws LayerhookError NO_SPACE, SYSTEM, UNMOUNT_FAILED
 */
export async function removeExtraction(context: Context, key: string): Promise<void> {
  const { db, client, directories } = context;
  const content = db.read((reader) => getName(reader, client, key)?.content);
  if (content === undefined) return;
  const path = directories.of(content);
  // a hook that did not finish may have left mounts, at which a removal would stop
  if (exists(path)) await unmountTree(realpathSync(path));
  removeSnapshot(context, key);
}

/** Removes an active snapshot, if it exists. @throws LayerhookError NO_SPACE, SYSTEM */
function removeIfThere(context: Context, key: string): void {
  const there = context.db.read((reader) => getName(reader, context.client, key) !== undefined);
  if (there) removeSnapshot(context, key);
}
