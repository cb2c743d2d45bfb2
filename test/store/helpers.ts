import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openStoreAt } from '../../src/store/open.js';
import type { Info, LayerIdentity, Store, StoreOptions } from '../../src/store/types.js';
import { tmpdir } from '../helpers/tmp.js';

/** A store in a fresh directory, closed when the test ends. */
export async function freshStore(
  t: ExecutionContext<unknown>,
  options: Partial<StoreOptions> & { boot?: string } = {},
): Promise<Store> {
  return storeAt(t, options.root ?? join(tmpdir(t), 'store'), options);
}

/** The store at `root`, under the boot that is named. */
export async function storeAt(
  t: ExecutionContext<unknown>,
  root: string,
  { boot = 'boot 1', ...options }: Partial<StoreOptions> & { boot?: string } = {},
): Promise<Store> {
  const store = await openStoreAt({ ...options, root }, boot);
  t.teardown(() => store.close());
  return store;
}

/** Commits a snapshot with one file, `file`, that has the snapshot's name as its content. */
export async function commitFile(store: Store, name: string, parent = ''): Promise<void> {
  const key = `active ${name}`;
  await store.prepare(key, parent);
  writeFileSync(join(await store.directory(key), 'file'), name);
  await store.commit(name, key);
}

/** A layer identity that differs from others by a short name. */
export function layer(diff: string, chain = diff, map = ''): LayerIdentity {
  return { diffID: `sha256:diff-${diff}`, chainID: `sha256:chain-${chain}`, map };
}

export const signal: AbortSignal = new AbortController().signal;

/** Extracts a layer that is not in the store, with one file that has its diffID as content. */
export async function extractFile(
  store: Store,
  wanted: LayerIdentity,
  parent = '',
  dependencies: { path: string; value: string }[] | null = [],
): Promise<void> {
  const extraction = await store.extract(wanted, parent, { signal });
  if (extraction === null) throw new Error('it is there already');
  writeFileSync(join(extraction.target, 'file'), wanted.diffID);
  await extraction.commit({ parent, dependencies });
}

export const nothingBelow = (): string => '';

export async function walkAll(store: Store, filters?: string[]): Promise<Info[]> {
  const found: Info[] = [];
  for await (const info of store.walk(filters)) found.push(info);
  return found;
}
