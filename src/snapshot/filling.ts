import { lstatSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { UsageCounter } from '../layer/count-usage.js';
import { walk } from '../layer/walk/index.js';
import { fromText, showBytes } from '../system/bytes.js';
import { mountsBelow } from '../system/mountinfo.js';
import { commitActive, flushIfSync } from './commit.js';
import { type Context, requireCommitted, requireName } from './context.js';
import { createSnapshot } from './create.js';
import { EXTRACTION_PREFIX, removeExtraction } from './extraction.js';
import { labelsOfLayer } from './labels.js';
import { getName } from './metadata/records.js';
import { nameOf } from './name.js';
import { copyRootAttributes } from './root-attributes.js';
import { replaceUnusable } from './supersede.js';
import type { LayerFilling, LayerIdentity, SnapshotOptions, Usage } from './types.js';

/** A layer that someone else than an extractor puts into the store: see LayerFilling. Who makes it has the layer's lock. */
export class Filling implements LayerFilling {
  readonly #context: Context;
  readonly #layer: LayerIdentity;
  readonly #parent: string;
  readonly #key: string;
  #target = '';

  constructor(context: Context, layer: LayerIdentity, parent: string) {
    this.#context = context;
    this.#layer = layer;
    this.#parent = parent;
    this.#key = EXTRACTION_PREFIX + nameOf(layer);
  }

  async fresh(): Promise<string> {
    await this.discard();
    const { db, client, directories } = this.#context;
    // not on top of the parent: what a killed process leaves must keep nobody from removing that
    createSnapshot(this.#context, 'active', this.#key, '');
    const { own, below } = db.read((reader) => ({
      own: requireName(reader, client, this.#key).content,
      below: this.#parent === '' ? undefined : requireName(reader, client, this.#parent).content,
    }));
    this.#target = directories.fs(own);
    if (below !== undefined) copyRootAttributes(directories.fs(below), this.#target);
    return this.#target;
  }

  async check(): Promise<void> {
    this.#measure();
  }

  /** Makes it the committed snapshot `name`, on top of the parent. */
  async commit(name: string, { labels }: SnapshotOptions): Promise<void> {
    const { db, client, directories } = this.#context;
    const usage = this.#measure();
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

  /** Removes what was not committed, whatever it is by now. */
  async discard(): Promise<void> {
    await removeExtraction(this.#context, this.#key);
  }

  /** What the layer takes. @throws LayerhookError SNAPSHOT_ARGUMENT if it cannot be one; SYSTEM */
  #measure(): Usage {
    const target = this.#target;
    if (!lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) throw this.#bad('it is no directory');
    const [mounted] = mountsBelow(fromText(realpathSync(join(target, '..'))));
    if (mounted) throw this.#bad(`${showBytes(mounted.mountPoint)} is mounted, which will not last`);
    const counter = new UsageCounter();
    walk(target, (path, stat, _, name) => {
      if (name.startsWith('.wh.')) throw this.#bad(`${showBytes(path)} is no whiteout of overlayfs`);
      counter.add(stat);
    });
    return counter.usage;
  }

  #bad(reason: string): LayerhookError {
    return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `what was put into ${this.#target}`, reason });
  }
}
