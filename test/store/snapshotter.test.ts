import { existsSync, linkSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { openStore } from '../../src/store/index.js';
import { tmpdir } from '../helpers/tmp.js';
import { commitFile, freshStore, walkAll } from './helpers.js';

test('a commit makes an active snapshot a parent for others', async (t) => {
  const store = await freshStore(t);
  await commitFile(store, 'base');
  t.like(await store.stat('base'), { kind: 'committed', name: 'base', parent: '', labels: {} });
  await t.throwsAsync(store.stat('active base'), { code: 'SNAPSHOT_NOT_FOUND' });

  await store.prepare('child', 'base', { labels: { a: 'b', empty: '' } });
  t.like(await store.stat('child'), { kind: 'active', parent: 'base', labels: { a: 'b' } });
  await store.view('view', 'base');
  t.like(await store.stat('view'), { kind: 'view', parent: 'base' });
});

test('options of a store are checked', async (t) => {
  const root = join(tmpdir(t), 'store');
  const bad = [
    { root: '' },
    { root, client: '' },
    { root, client: 'a/b' },
    { root, durability: 'disk' as 'boot' },
  ];
  for (const options of bad) await t.throwsAsync(openStore(options), { code: 'SNAPSHOT_ARGUMENT' });
  t.false(existsSync(root));
});

test('only committed snapshots are parents', async (t) => {
  const store = await freshStore(t);
  await store.prepare('active', '');
  await store.view('view', '');
  await t.throwsAsync(store.prepare('a', 'active'), { code: 'SNAPSHOT_ARGUMENT' });
  await t.throwsAsync(store.view('b', 'view'), { code: 'SNAPSHOT_ARGUMENT' });
  await t.throwsAsync(store.prepare('c', 'missing'), { code: 'SNAPSHOT_NOT_FOUND' });
  await t.throwsAsync(store.prepare('', ''), { code: 'SNAPSHOT_ARGUMENT' });
  await t.throwsAsync(store.prepare('a\0b', ''), { code: 'SNAPSHOT_ARGUMENT' });
  await t.throwsAsync(store.prepare('a'.repeat(2000), ''), { code: 'SNAPSHOT_ARGUMENT' });
  t.is((await walkAll(store)).length, 2);
});

test('keys and names share one space', async (t) => {
  const store = await freshStore(t);
  await commitFile(store, 'base');
  await store.prepare('active', 'base');
  for (const taken of ['base', 'active']) {
    await t.throwsAsync(store.prepare(taken, ''), { code: 'SNAPSHOT_EXISTS' });
    await t.throwsAsync(store.view(taken, 'base'), { code: 'SNAPSHOT_EXISTS' });
    await t.throwsAsync(store.commit(taken, 'active'), { code: 'SNAPSHOT_EXISTS' });
  }
  t.is((await store.stat('active')).kind, 'active');
});

test('a view cannot be committed, nor can what is committed', async (t) => {
  const store = await freshStore(t);
  await commitFile(store, 'base');
  await store.view('view', 'base');
  await t.throwsAsync(store.commit('new', 'view'), { code: 'SNAPSHOT_PRECONDITION' });
  await t.throwsAsync(store.commit('new', 'base'), { code: 'SNAPSHOT_PRECONDITION' });
  await t.throwsAsync(store.commit('new', 'missing'), { code: 'SNAPSHOT_NOT_FOUND' });
});

test('a commit replaces the labels of the active snapshot', async (t) => {
  const store = await freshStore(t);
  await store.prepare('active', '', { labels: { old: '1' } });
  await store.commit('name', 'active', { labels: { new: '2' } });
  t.deepEqual((await store.stat('name')).labels, { new: '2' });
});

test('a commit may name the parent of what was prepared without one', async (t) => {
  const store = await freshStore(t);
  await commitFile(store, 'base');
  await commitFile(store, 'other');
  await store.prepare('active', '');
  await t.throwsAsync(store.commit('top', 'active', { parent: 'missing' }), { code: 'SNAPSHOT_NOT_FOUND' });
  t.is((await store.stat('active')).kind, 'active');
  await store.commit('top', 'active', { parent: 'base' });
  t.is((await store.stat('top')).parent, 'base');
  await t.throwsAsync(store.remove('base'), { code: 'SNAPSHOT_PRECONDITION' });

  await store.prepare('second', 'base');
  await t.throwsAsync(store.commit('x', 'second', { parent: 'other' }), { code: 'SNAPSHOT_ARGUMENT' });
  await store.view('view', 'base');
  await store.prepare('third', '');
  await t.throwsAsync(store.commit('x', 'third', { parent: 'view' }), { code: 'SNAPSHOT_PRECONDITION' });
});

test('a snapshot with children cannot be removed; an active one can', async (t) => {
  const store = await freshStore(t);
  await commitFile(store, 'base');
  await store.prepare('active', 'base');
  const directory = dirname(await store.directory('active'));
  await t.throwsAsync(store.remove('base'), { code: 'SNAPSHOT_PRECONDITION' });
  await store.remove('active');
  t.false(existsSync(directory));
  await store.remove('base');
  t.deepEqual(await walkAll(store), []);
  await t.throwsAsync(store.remove('base'), { code: 'SNAPSHOT_NOT_FOUND' });
});

test('labels are changed all together or one by one', async (t) => {
  const store = await freshStore(t);
  await store.prepare('a', '', { labels: { x: '1', y: '2' } });
  const before = await store.stat('a');
  await store.update({ name: 'a', labels: { x: '3', z: '4' } }, ['labels.x', 'labels.y']);
  t.deepEqual((await store.stat('a')).labels, { x: '3' });
  const after = await store.update({ name: 'a', labels: { z: '4' } });
  t.deepEqual(after.labels, { z: '4' });
  t.deepEqual(after, await store.stat('a'));
  t.true(after.updated >= before.updated);
  t.deepEqual(after.created, before.created);
  await t.throwsAsync(store.update({ name: 'a', labels: {} }, ['kind']), { code: 'SNAPSHOT_ARGUMENT' });
  await t.throwsAsync(store.update({ name: 'b', labels: {} }), { code: 'SNAPSHOT_NOT_FOUND' });
});

test('usage counts a file with several names once, and says the same after the commit', async (t) => {
  const store = await freshStore(t);
  await store.prepare('a', '');
  const directory = await store.directory('a');
  writeFileSync(join(directory, 'file'), Buffer.alloc(100_000, 1));
  const once = await store.usage('a');
  linkSync(join(directory, 'file'), join(directory, 'second name'));
  t.is((await store.usage('a')).inodes, 2);
  t.deepEqual(await store.usage('a'), once);
  t.true(once.size >= statSync(join(directory, 'file')).blocks * 512);
  await store.commit('b', 'a');
  t.deepEqual(await store.usage('b'), once);
  await store.view('view', 'b');
  t.deepEqual(await store.usage('view'), { size: 0, inodes: 0 });
});

test('disposing of a store closes it', async (t) => {
  const store = await openStore({ root: join(tmpdir(t), 'store') });
  await t.throwsAsync(store.stat('none'), { code: 'SNAPSHOT_NOT_FOUND' });
  await store[Symbol.asyncDispose]();
  const error = await t.throwsAsync(store.stat('none'));
  t.false(isLayerhookError(error, 'SNAPSHOT_NOT_FOUND'), String(error));
});
