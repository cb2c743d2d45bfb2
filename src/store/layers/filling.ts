import { lstatSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { fromText, showBytes } from '../../system/bytes.js';
import { mountsBelow } from '../../system/mountinfo.js';
import { type Context, chainOf, type Named, requireCommitted } from '../context/context.js';
import { labelsOfLayer } from '../context/labels.js';
import { extractionPrefix, nameOf } from '../context/name.js';
import { copyRootAttributes } from '../context/root-attributes.js';
import { requireMountable } from '../context/untrusted.js';
import { mountImages } from '../erofs/mount-images.js';
import { getName } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import { commitActive, flushIfSync } from '../snapshots/commit.js';
import { createContent } from '../snapshots/create.js';
import { replaceUnusable } from '../snapshots/supersede.js';
import type { LayerFilling, LayerIdentity, SnapshotOptions, Usage } from '../types.js';
import { removeExtraction } from './extraction.js';

/** A layer that a hook or program provides instead of extracting it: see LayerFilling. The caller holds the layer's lock. */
export class Filling implements LayerFilling {
  readonly #context: Context;
  readonly #layer: LayerIdentity;
  readonly #parent: string;
  readonly #key: string;
  #target = '';
  /** usage of the layer, known after the check */
  #usage: Usage | undefined;

  constructor(context: Context, layer: LayerIdentity, parent: string) {
    this.#context = context;
    this.#layer = layer;
    this.#parent = parent;
    this.#key = extractionPrefix + nameOf(layer);
  }

  async fresh(): Promise<string> {
    await this.discard();
    this.#usage = undefined;
    const { db, directories } = this.#context;
    const [below] = this.#parent === '' ? [] : db.read((reader) => this.#wholeChain(reader));
    // Not on top of the parent: the leftover of a killed process must not keep other processes from removing the parent.
    const [content] = createContent(this.#context, 'active', this.#key, '');
    this.#target = directories.fs(content);
    if (below !== undefined) mountImages(this.#context, [below.content]);
    if (below !== undefined) copyRootAttributes(directories.fs(below.content), this.#target);
    return this.#target;
  }

  async check(): Promise<void> {
    const target = this.#target;
    if (!lstatSync(target, { throwIfNoEntry: false })?.isDirectory())
      throw this.#bad('it is not a directory');
    const [mounted] = mountsBelow(fromText(realpathSync(join(target, '..'))));
    if (mounted)
      throw this.#bad(`${showBytes(mounted.mountPoint)} is mounted in it: a mount is not part of a layer`);
    this.#usage = await this.#context.trees.measureLayer(target);
  }

  /** Commits the layer as snapshot `name` on top of the parent. */
  async commit(name: string, { labels }: SnapshotOptions): Promise<void> {
    const { db, client, directories } = this.#context;
    if (this.#usage === undefined) await this.check();
    const usage = this.#usage!;
    await flushIfSync(this.#context);
    const { diffID, map, chainID } = this.#layer;
    const freed = db.write((writer) => {
      if (getName(writer, client, name)) throw new LayerhookError('SNAPSHOT_EXISTS', { name });
      if (this.#parent !== '') requireCommitted(writer, client, this.#parent);
      const content = commitActive(this.#context, writer, name, this.#key, {
        parent: this.#parent,
        labels: { ...labels, ...labelsOfLayer(this.#layer) },
        usage,
        layer: { diffID, map, chainIDs: [chainID], dependencies: null },
      });
      return replaceUnusable(this.#context, writer, chainID, content);
    });
    directories.remove(freed);
  }

  /** Removes the directory, unless it was committed. */
  async discard(): Promise<void> {
    await removeExtraction(this.#context, this.#key);
  }

  #wholeChain(reader: Reader): Named[] {
    const chain = chainOf(reader, this.#context.client, this.#parent);
    requireMountable(this.#context, reader, chain);
    return chain;
  }

  #bad(reason: string): LayerhookError {
    return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `the layer in ${this.#target}`, reason });
  }
}
