import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import type { Store } from '../../src/store/types.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { extractFile, type freshStore, layer, nothingBelow, signal, storeAt, walkAll } from './helpers.js';

/** A store with unused layers a ← b and a ← c, d. */
async function withLayers(root: string, t: Parameters<typeof freshStore>[0]): Promise<Store> {
  const store = await storeAt(t, root);
  await extractFile(store, layer('a'));
  await extractFile(store, layer('b'), layer('a').chainID);
  await extractFile(store, layer('c'), layer('a').chainID);
  await extractFile(store, layer('d'));
  // another process has used them before
  for (const [seconds, name] of ['a', 'b', 'c', 'd'].entries()) await age(store, name, 1000 - seconds);
  await store.close();
  return storeAt(t, root);
}

async function age(store: Store, name: string, seconds: number): Promise<void> {
  const then = Date.now() / 1000 - seconds;
  const directory = dirname(await store.directory(layer(name).chainID));
  utimesSync(directory, then, then);
}

async function left(store: Store): Promise<string[]> {
  return (await walkAll(store)).map(({ name }) => name.replace('sha256:chain-', ''));
}

test('gc frees what nothing needs, the longest unused first', async (t) => {
  const store = await withLayers(join(tmpdir(t), 'store'), t);
  const before = await store.list();
  const result = await store.gc();
  t.deepEqual(
    result.removed.map(({ name }) => name),
    ['b', 'c', 'a', 'd'].map((name) => layer(name).chainID),
  );
  t.is(
    result.bytes,
    before.reduce((sum, { usage }) => sum + usage!.size, 0),
  );
  t.deepEqual(await left(store), []);
  t.false(before.some(({ directory }) => existsSync(directory)));
});

rootTest('gc unmounts what a killed command left mounted in a directory that it removes', async (t) => {
  const root = join(tmpdir(t), 'store');
  const store = await withLayers(root, t);
  const mounted = join(dirname(await store.directory(layer('d').chainID)), 'try/target');
  mkdirSync(mounted, { recursive: true });
  const lower = `lowerdir=${dirname(mounted)}:${tmpdir(t)}`;
  execFileSync('mount', ['-t', 'overlay', '-o', lower, 'overlay', mounted]);
  t.teardown(() => spawnSync('umount', ['-q', mounted]));
  await store.gc();
  await store.cleanup();
  t.deepEqual(readdirSync(join(root, 'removed')), []);
  t.deepEqual(await left(store), []);
});

test('gc keeps what bundles, views and labels need', async (t) => {
  const store = await withLayers(join(tmpdir(t), 'store'), t);
  await store.prepare('bundle', layer('b').chainID);
  const labels = { 'containerd.io/gc.root': '2026' };
  await store.update({ name: layer('d').chainID, labels }, ['labels.containerd.io/gc.root']);
  t.deepEqual(
    (await store.gc()).removed.map(({ name }) => name),
    [layer('c').chainID],
  );
  t.deepEqual(await left(store), ['bundle', 'a', 'b', 'd']);
  await store.remove('bundle');
  await store.view('view', layer('a').chainID);
  await store.gc();
  t.deepEqual(await left(store), ['a', 'd', 'view']);
});

test('gc stops at the size that may stay', async (t) => {
  const store = await withLayers(join(tmpdir(t), 'store'), t);
  const { bytes } = await store.df();
  const { removed } = await store.gc({ keepBytes: bytes - 1 });
  t.deepEqual(
    removed.map(({ name }) => name),
    [layer('b').chainID],
  );
  t.deepEqual((await store.gc({ keepBytes: bytes })).removed, []);
});

test('gc frees only what was not used for long, and a dry run nothing', async (t) => {
  const store = await withLayers(join(tmpdir(t), 'store'), t);
  t.is((await store.gc({ dryRun: true })).removed.length, 4);
  t.is((await left(store)).length, 4);
  await age(store, 'b', 5000);
  const { removed } = await store.gc({ unusedFor: 4_000_000 });
  t.deepEqual(
    removed.map(({ name }) => name),
    [layer('b').chainID],
  );
});

test('gc leaves to a process what it has found or extracted and not yet used', async (t) => {
  const root = join(tmpdir(t), 'store');
  const store = await withLayers(root, t);
  const [user, second] = [await storeAt(t, root), await storeAt(t, root)];
  t.true(await user.find(layer('b'), layer('a').chainID, nothingBelow));
  t.true(await user.find(layer('a'), '', nothingBelow));
  const extraction = await second.extract(layer('e'), '', { signal });
  await store.gc();
  t.deepEqual(await left(store), ['extract e', 'a', 'b']);
  await extraction!.commit({ parent: '', dependencies: [] });
  await user.close();
  await age(store, 'a', 100);
  await age(store, 'b', 100);
  await store.gc();
  t.deepEqual(await left(store), ['e']);
  await second.close();
  await store.gc();
  t.deepEqual(await left(store), []);
});

test('gc leaves to a process what it uses, also if the clock was set back meanwhile', async (t) => {
  const root = join(tmpdir(t), 'store');
  const store = await withLayers(root, t);
  const user = await storeAt(t, root);
  t.true(await user.find(layer('d'), '', nothingBelow));
  // with the present time, the process would have begun to use layers in an hour
  for (const name of readdirSync(join(root, 'locks')).filter((name) => name.startsWith('lease-'))) {
    const later = Date.now() / 1000 + 3600;
    utimesSync(join(root, 'locks', name), later, later);
  }
  await user.find(layer('a'), '', nothingBelow);
  const extraction = await user.extract(layer('e'), '', { signal });
  await extraction!.commit({ parent: '', dependencies: [] });
  await store.gc();
  t.deepEqual(await left(store), ['a', 'd', 'e']);
});

test('a layer that another client uses stays on disk', async (t) => {
  const root = join(tmpdir(t), 'store');
  const store = await withLayers(root, t);
  const other = await storeAt(t, root, { client: 'containerd' });
  await other.find(layer('d'), '', nothingBelow);
  const { removed } = await store.gc();
  t.like(
    removed.find(({ name }) => name === layer('d').chainID),
    { freed: false },
  );
  t.true(existsSync(await other.directory(layer('d').chainID)));
  t.is((await other.list()).length, 1);
});

test('df tells what the store takes', async (t) => {
  const root = join(tmpdir(t), 'store');
  const store = await withLayers(root, t);
  const { root: of, contents, inodes, size, free } = await store.df();
  t.deepEqual({ of, contents, inodes }, { of: root, contents: 4, inodes: 8 });
  t.true(size > free && free > 0);
});
