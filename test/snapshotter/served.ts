/** A snapshotter with hooks, and what containerd asks of it. */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { snapshotHooks } from '../../src/engine/snapshot-hooks.js';
import { chainIDs } from '../../src/image/chain.js';
import { digestOf } from '../../src/image/digest.js';
import type { HookSource } from '../../src/points/dispatch.js';
import type { Hook, Hooks } from '../../src/points/points.js';
import * as service from '../../src/snapshotter/index.js';
import { openStore } from '../../src/store/index.js';
import type { Info, LayerIdentity, Snapshotter, Store } from '../../src/store/types.js';
import { connectSnapshotter, serveSnapshotter } from '../../src/store.js';
import { silentLogger } from '../../src/system/logger.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';

export const POINT = 'snapshot.ociv1.layer.try-skip';
export const POST = 'snapshot.ociv1.layer.post-extract';
export const REF = 'containerd.io/snapshot.ref';
export const diffIDs = ['a', 'b'].map((name) => digestOf(name));
export const [a, b] = chainIDs(diffIDs).map(
  (chainID, at): LayerIdentity => ({ chainID, diffID: diffIDs[at]!, map: '' }),
) as [LayerIdentity, LayerIdentity];

export interface Served {
  containerd: Snapshotter;
  /** the command line's */
  store: Store;
  root: string;
  close(): Promise<void>;
}

/** @param hooks the function of the try-skip point, functions by point, or hook sources with failure policies */
export async function serve(
  t: ExecutionContext<unknown>,
  hooks: Hook<typeof POINT> | Hooks | HookSource[],
  { parallelUnpack = false, stagedLayers = false } = {},
): Promise<Served> {
  const dir = mkdtempSync(join(tmpdir(t), 'served-'));
  const [root, address] = [join(dir, 'store'), join(dir, 'socket')];
  const options = { root, address, parallelUnpack, stagedLayers };
  const served = Array.isArray(hooks)
    ? await service.serveSnapshotter({ ...options, ...snapshotHooks(hooks, silentLogger) })
    : await serveSnapshotter({
        ...options,
        hooks: [{ name: 'tests', hooks: typeof hooks === 'function' ? { [POINT]: hooks } : hooks }],
      });
  const containerd = connectSnapshotter(address);
  const store = await openStore({ root });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= served.close());
  t.teardown(async () => {
    await containerd.close();
    await close();
    await store.close();
  });
  return { containerd, store, root, close };
}

/** Prepares a layer as containerd does. */
export function prepare(
  { containerd }: Served,
  { chainID }: LayerIdentity,
  parent = '',
  { number = 1, labels = {}, signal }: { number?: number; labels?: object; signal?: AbortSignal } = {},
) {
  const all = { [REF]: chainID, ...labels };
  return containerd.prepare(`ns/${number}/extract-1 ${chainID}`, parent, {
    labels: all,
    ...(signal && { signal }),
  });
}

export async function found(
  { containerd }: Served,
  { chainID }: LayerIdentity,
  parent = '',
): Promise<Info[]> {
  const infos: Info[] = [];
  const filter = `labels."${REF}"==${chainID},parent=="${parent}"`;
  for await (const info of containerd.walk([filter])) infos.push(info);
  return infos;
}

export const exists = { code: 'SNAPSHOT_EXISTS' };

/** Puts a file into a layer. */
export const fill: Hook<typeof POINT> = ({ target, chainID }) => {
  writeFileSync(join(target, 'file'), chainID);
  return { skip: true };
};

export function write(directory: string, name: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), 'x');
}

/** Nothing is left but what the store had before, on disk and in its metadata. */
export async function isEmpty(t: ExecutionContext<unknown>, { store, root }: Served): Promise<void> {
  t.deepEqual(await store.list(), []);
  t.deepEqual(readdirSync(join(root, 'snapshots')), []);
  const locks = readdirSync(join(root, 'locks')).filter((name) => name.startsWith('layer-'));
  t.deepEqual(locks, []);
  // a thread deletes it; what that left when it was ended, a cleanup takes
  const isErased = async () => {
    if (readdirSync(join(root, 'removed')).length === 0) return true;
    await store.cleanup();
    return false;
  };
  await until('removed directories are erased', isErased);
}

/** Extracts a layer as containerd does, when it is not there. */
export async function extract(served: Served, layer: LayerIdentity, parent = '', number = 1): Promise<void> {
  await prepare(served, layer, parent, { number });
  const key = `ns/${number}/extract-1 ${layer.chainID}`;
  writeFileSync(join((await served.containerd.mounts(key))[0]!.source, 'file'), 'x', { flag: 'a' });
  await served.containerd.commit(`ns/${number}/${layer.chainID}`, key, { labels: { [REF]: layer.chainID } });
}
