import { Building } from './bundles/building.js';
import { Bundles } from './bundles/bundles.js';
import { type Context, chainOf, requireName } from './context/context.js';
import { nameOf } from './context/name.js';
import { untrustedSnapshots } from './context/untrusted.js';
import { mountImages, unmountUnusedImages } from './erofs/mount-images.js';
import { type DependencyAt, findLayer } from './layers/find.js';
import { getContent } from './metadata/records.js';
import { createSnapshot } from './snapshots/create.js';
import { infoOf, updateSnapshot } from './snapshots/info.js';
import { mountsOfSnapshot } from './snapshots/mounts.js';
import { removeSnapshot } from './snapshots/remove.js';
import type {
  AdoptOptions,
  CommitOptions,
  ContentInfo,
  GarbagePolicy,
  GarbageResult,
  Info,
  LayerExtraction,
  LayerIdentity,
  Mount,
  ProvideOptions,
  SnapshotOptions,
  Store,
  StoreFilesystem,
  UntrustedSnapshot,
  Usage,
} from './types.js';

/** The layer store of one client. Code that a bundle of already stored layers does not need is loaded on demand. */
export class LmdbStore implements Store {
  readonly bundles: Bundles;
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
    this.bundles = new Bundles(this, new Building(context.directories), () => context.db.flush());
  }

  get client(): string {
    return this.#context.client;
  }

  async stat(name: string): Promise<Info> {
    const { db, client } = this.#context;
    return db.read((reader) => infoOf(name, requireName(reader, client, name)));
  }

  async update(info: Pick<Info, 'name' | 'labels'>, fieldpaths: string[] = []): Promise<Info> {
    return updateSnapshot(this.#context, info, fieldpaths);
  }

  async usage(name: string): Promise<Usage> {
    const { db, client, directories, trees } = this.#context;
    const { kind, content, usage } = db.read((reader) => {
      const record = requireName(reader, client, name);
      return { ...record, usage: getContent(reader, record.content).usage };
    });
    if (kind === 'view') return { size: 0, inodes: 0 };
    if (usage) return usage;
    if (!directories.exists(content)) return { size: 0, inodes: 0 };
    try {
      return await trees.measure(directories.fs(content));
    } catch (error) {
      // another process may have removed the snapshot meanwhile
      await this.stat(name);
      throw error;
    }
  }

  async mounts(key: string): Promise<Mount[]> {
    return mountsOfSnapshot(this.#context, key);
  }

  async prepare(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]> {
    return createSnapshot(this.#context, 'active', key, parent, options);
  }

  async view(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]> {
    return createSnapshot(this.#context, 'view', key, parent, options);
  }

  async commit(name: string, key: string, options?: CommitOptions): Promise<void> {
    const { commitSnapshot } = await import('./snapshots/commit.js');
    return commitSnapshot(this.#context, name, key, options);
  }

  async remove(name: string): Promise<void> {
    removeSnapshot(this.#context, name);
  }

  async *walk(filters: string[] = []): AsyncIterable<Info> {
    const { walkSnapshots } = await import('./snapshots/walk.js');
    yield* walkSnapshots(this.#context, filters);
  }

  async cleanup(): Promise<void> {
    const { cleanUp } = await import('./maintenance/cleanup.js');
    return cleanUp(this.#context);
  }

  async close(): Promise<void> {
    const { lease, db, trees, erofs } = this.#context;
    await this.bundles.close();
    await trees.close();
    try {
      if (erofs.isUsed) unmountUnusedImages(this.#context);
    } finally {
      erofs.close();
      lease.close();
      db.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  nameOf(layer: LayerIdentity): string {
    return nameOf(layer);
  }

  async namesOf(layer: LayerIdentity, parent: string): Promise<string[]> {
    const { namesOfLayer } = await import('./layers/adopt.js');
    return namesOfLayer(this.#context, layer, parent);
  }

  async find(layer: LayerIdentity, parent: string, dependencyAt: DependencyAt): Promise<boolean> {
    return findLayer(this.#context, layer, parent, dependencyAt);
  }

  async extract(
    layer: LayerIdentity,
    parent: string,
    { signal }: { signal: AbortSignal },
  ): Promise<LayerExtraction | null> {
    const { extractLayer } = await import('./layers/extract.js');
    return extractLayer(this.#context, layer, parent, signal);
  }

  async lowerdirs(name: string): Promise<string[]> {
    const { db, client, directories } = this.#context;
    const contents = db.read((reader) => chainOf(reader, client, name)).map(({ content }) => content);
    mountImages(this.#context, contents);
    return contents.map((content) => directories.fs(content));
  }

  async directory(name: string): Promise<string> {
    const { db, client, directories } = this.#context;
    const { content } = db.read((reader) => requireName(reader, client, name));
    mountImages(this.#context, [content]);
    return directories.fs(content);
  }

  async unmountUnused(): Promise<void> {
    unmountUnusedImages(this.#context);
  }

  async adopt(name: string, layer: LayerIdentity, parent: string, options?: AdoptOptions): Promise<boolean> {
    const { adoptLayer } = await import('./layers/adopt.js');
    return adoptLayer(this.#context, name, layer, parent, options);
  }

  async provide(
    name: string,
    layer: LayerIdentity,
    parent: string,
    options: ProvideOptions,
  ): Promise<boolean> {
    const { provideLayer } = await import('./layers/provide.js');
    return provideLayer(this.#context, name, layer, parent, options);
  }

  async list(ids?: string[]): Promise<ContentInfo[]> {
    const { listContents } = await import('./maintenance/list.js');
    return listContents(this.#context, ids);
  }

  async sync(): Promise<void> {
    const { syncStore } = await import('./maintenance/trust.js');
    return syncStore(this.#context);
  }

  async markDamaged(id: string, why: string): Promise<void> {
    const { markDamaged } = await import('./maintenance/trust.js');
    markDamaged(this.#context, id, why);
  }

  async markVerified(id: string): Promise<void> {
    const { markVerified } = await import('./maintenance/trust.js');
    markVerified(this.#context, id);
  }

  async untrustedSnapshots(names?: string[]): Promise<UntrustedSnapshot[]> {
    return untrustedSnapshots(this.#context, names);
  }

  async untrusted(name: string): Promise<string[]> {
    const { untrustedBelow } = await import('./maintenance/trust.js');
    return untrustedBelow(this.#context, name);
  }

  async gc(policy?: GarbagePolicy): Promise<GarbageResult> {
    const { collectGarbage } = await import('./maintenance/gc.js');
    return collectGarbage(this.#context, policy);
  }

  async df(): Promise<StoreFilesystem> {
    const { spaceOf } = await import('./maintenance/list.js');
    return spaceOf(this.#context);
  }
}
