import type { ContentInfo, Info, Store } from '../store/types.js';
import { usageOf } from './bundle/list.js';

/** A layer in the store, and the bundles on top of it. */
export interface StoredLayer extends ContentInfo {
  /** bundles of the store's client that need it: the paths that their snapshots are labelled with, or their keys */
  bundles: string[];
}

/** What a bundle takes in the store. */
export interface StoredBundle {
  /** its path, or the key of its snapshot */
  bundle: string;
  /** bytes on disk of its own changes */
  bytes: number;
  inodes: number;
  /** bytes on disk of its layers, which others may share */
  shared: number;
  /** its layers, highest first, by id */
  layers: string[];
}

/**
 * The committed contents of a store and the bundles on top of them.
 *
 * @returns layers by last use, the newest first; bundles by path
 * @throws LayerhookError SYSTEM
 */
export async function storeUsage(store: Store): Promise<{ layers: StoredLayer[]; bundles: StoredBundle[] }> {
  const contents = await store.list();
  const idOf = new Map(
    contents.flatMap(({ id, names }) => names.map(({ client, name }) => [`${client}\0${name}`, id])),
  );
  const byID = new Map(contents.map((content) => [content.id, content]));
  const snapshots = new Map<string, Info>();
  for await (const info of store.walk()) snapshots.set(info.name, info);

  const pathOf = new Map((await store.bundles.list()).map(({ key, bundle }) => [key, bundle]));
  const bundles: StoredBundle[] = [];
  for (const info of snapshots.values()) {
    if (info.kind === 'committed') continue;
    // another process may add and remove snapshots between these calls
    const usage = await usageOf(store, info.name);
    if (usage === undefined) continue;
    const { size, inodes } = usage;
    const names = below(info, snapshots).map(({ name }) => `${store.client}\0${name}`);
    const layers = names.flatMap((name) => idOf.get(name) ?? []);
    const shared = layers.reduce((sum, id) => sum + (byID.get(id)?.usage?.size ?? 0), 0);
    const bundle = pathOf.get(info.name) ?? info.name;
    bundles.push({ bundle, bytes: size, inodes, shared, layers });
  }
  const layers = contents
    .filter(({ usage }) => usage !== undefined)
    .map((content) => ({
      ...content,
      bundles: bundles.filter((bundle) => bundle.layers.includes(content.id)).map(({ bundle }) => bundle),
    }));
  return {
    layers: layers.sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime()),
    bundles: bundles.sort((a, b) => (a.bundle < b.bundle ? -1 : 1)),
  };
}

function below({ parent }: Info, snapshots: ReadonlyMap<string, Info>): Info[] {
  const chain: Info[] = [];
  for (let at = snapshots.get(parent); at !== undefined; at = snapshots.get(at.parent)) chain.push(at);
  return chain;
}
