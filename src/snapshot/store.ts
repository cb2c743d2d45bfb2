import { commitSnapshot } from './commit.js';
import { type Context, chainOf, requireName } from './context.js';
import { createSnapshot } from './create.js';
import { extractLayer, removeDeadExtractions } from './extract.js';
import { compileFilters } from './filter/index.js';
import { findLayer } from './find.js';
import { infoOf, updateSnapshot } from './info.js';
import { getContent, names } from './metadata/records.js';
import { requireMountable } from './mountable.js';
import { mountsOf } from './mounts.js';
import { removeLeftovers, removeSnapshot } from './remove.js';
import { nameOf } from './supersede.js';
import type {
  CommitOptions,
  Info,
  LayerExtraction,
  LayerIdentity,
  LayerStore,
  Mount,
  SnapshotOptions,
  Usage,
} from './types.js';
import { usageOf } from './usage.js';

/** The layer store as one client has it: see docs/store.md for what is on disk. */
export class Store implements LayerStore {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async stat(name: string): Promise<Info> {
    const { db, client } = this.#context;
    return infoOf(
      name,
      db.read((reader) => requireName(reader, client, name)),
    );
  }

  async update(info: Pick<Info, 'name' | 'labels'>, fieldpaths: string[] = []): Promise<Info> {
    return updateSnapshot(this.#context, info, fieldpaths);
  }

  async usage(name: string): Promise<Usage> {
    const { db, client, directories } = this.#context;
    const { kind, content, usage } = db.read((reader) => {
      const record = requireName(reader, client, name);
      return { ...record, usage: getContent(reader, record.content).usage };
    });
    return kind === 'active' ? usageOf(directories.fs(content)) : (usage ?? { size: 0, inodes: 0 });
  }

  async mounts(key: string): Promise<Mount[]> {
    const { db, client } = this.#context;
    return db.read((reader) => {
      const kind = requireMountable(this.#context, reader, key);
      return mountsOf(this.#context, kind, chainOf(reader, client, key));
    });
  }

  async prepare(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]> {
    return createSnapshot(this.#context, 'active', key, parent, options);
  }

  async view(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]> {
    return createSnapshot(this.#context, 'view', key, parent, options);
  }

  async commit(name: string, key: string, options?: CommitOptions): Promise<void> {
    commitSnapshot(this.#context, name, key, options);
  }

  async remove(name: string): Promise<void> {
    removeSnapshot(this.#context, name);
  }

  async *walk(filters: string[] = []): AsyncIterable<Info> {
    const { db, client } = this.#context;
    const matches = compileFilters(filters);
    const all = db.read((reader) => [...names(reader, client)]);
    for (const [{ name }, record] of all) {
      const info = infoOf(name, record);
      if (matches(info)) yield info;
    }
  }

  async cleanup(): Promise<void> {
    const { db } = this.#context;
    const all = db.read((reader) => [...names(reader)].map(([owner]) => owner));
    removeDeadExtractions(this.#context, all);
    removeLeftovers(this.#context);
  }

  async close(): Promise<void> {
    await this.#context.db.close();
  }

  nameOf(layer: LayerIdentity): string {
    return nameOf(layer);
  }

  async find(layer: LayerIdentity, parent: string, dependencyAt: (path: string) => string): Promise<boolean> {
    return findLayer(this.#context, layer, parent, dependencyAt);
  }

  async extract(
    layer: LayerIdentity,
    parent: string,
    { signal }: { signal: AbortSignal },
  ): Promise<LayerExtraction | null> {
    return extractLayer(this.#context, layer, parent, signal);
  }

  async lowerdirs(name: string): Promise<string[]> {
    const { db, client, directories } = this.#context;
    return db.read((reader) => chainOf(reader, client, name)).map((content) => directories.fs(content));
  }

  async directory(name: string): Promise<string> {
    const { db, client, directories } = this.#context;
    return directories.fs(db.read((reader) => requireName(reader, client, name)).content);
  }
}
