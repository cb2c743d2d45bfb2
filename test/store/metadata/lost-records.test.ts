/** A disk has spoiled a value of the metadata: its record is shown and can be removed, and all others are unaffected. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Directories } from '../../../src/store/context/directories.js';
import { Environment } from '../../../src/store/metadata/environment.js';
import { bytesOfKey, rowKey } from '../../../src/store/metadata/keys.js';
import type { Store } from '../../../src/store/types.js';
import { tmpdir } from '../../helpers/tmp.js';
import { commitFile, extractFile, layer, nothingBelow, storeAt, walkAll } from '../helpers.js';

const spoiled = ['{"kind":"commit', '', 'null', '7', '{"kind":"committed"}', '\0\xff'];

/** A store with the snapshots `below`, `lost` on top of it, `above` on top of that, and `other`. */
async function storeWithChain(t: ExecutionContext): Promise<{ root: string; store: Store }> {
  const root = join(tmpdir(t), 'store');
  const store = await storeAt(t, root);
  await commitFile(store, 'below');
  await commitFile(store, 'lost', 'below');
  await store.prepare('above', 'lost');
  await commitFile(store, 'other');
  return { root, store };
}

/** Writes a value under the store's feet. */
function spoil(root: string, value: string, ...key: Parameters<typeof rowKey>): void {
  const environment = Environment.open(new Directories(root).database);
  environment.locked(() => environment.db.putSync(bytesOfKey(rowKey(...key)), value));
  environment.close();
}

function idOf(root: string, directory: string): string {
  return directory.slice(join(root, 'snapshots').length + 1).split('/')[0]!;
}

for (const value of spoiled) {
  test(`a name with the metadata value ${JSON.stringify(value)}`, async (t) => {
    const { root, store } = await storeWithChain(t);
    spoil(root, value, 'name', 'layerhook', 'lost');
    const names = (await walkAll(store)).map(({ name }) => name);
    t.deepEqual(names, ['above', 'below', 'lost', 'other']);
    t.like(await store.stat('lost'), { kind: 'committed', parent: 'below', labels: {} });
    await t.throwsAsync(store.remove('lost'), { code: 'SNAPSHOT_PRECONDITION' });
    await store.remove('above');
    await store.remove('lost');
    await store.remove('below');
    await store.cleanup();
    t.deepEqual(
      (await walkAll(store)).map(({ name }) => name),
      ['other'],
    );
    t.is(readdirSync(join(root, 'snapshots')).length, 1);
  });

  test(`a content with the metadata value ${JSON.stringify(value)}`, async (t) => {
    const { root, store } = await storeWithChain(t);
    await extractFile(store, layer('a'));
    const id = idOf(root, await store.directory(layer('a').chainID));
    spoil(root, value, 'content', id);
    const listed = (await store.list()).find((content) => content.id === id);
    t.like(listed, { trusted: false, damaged: 'its record in the metadata is damaged' });
    t.deepEqual(
      (await store.list()).filter(({ trusted }) => !trusted).map((content) => content.id),
      [id],
    );
    t.false(await store.find(layer('a'), '', nothingBelow));
    await extractFile(store, layer('a'));
    t.true(await store.find(layer('a'), '', nothingBelow));
    t.true((await store.list()).every(({ trusted }) => trusted));
    await store.remove(layer('a').chainID);
    await store.cleanup();
    t.is(readdirSync(join(root, 'snapshots')).length, 4);
  });
}

test('a name that nothing else tells of: no directory goes with it', async (t) => {
  const { root, store } = await storeWithChain(t);
  spoil(root, '', 'name', 'layerhook', 'alone');
  await store.remove('alone');
  await store.cleanup();
  t.is((await walkAll(store)).length, 4);
  t.is(readdirSync(join(root, 'snapshots')).length, 4);
});

test('a missing content record counts as damaged', async (t) => {
  const { root, store } = await storeWithChain(t);
  const id = idOf(root, await store.directory('lost'));
  const environment = Environment.open(new Directories(root).database);
  environment.locked(() => environment.db.removeSync(bytesOfKey(rowKey('content', id))));
  environment.close();
  t.deepEqual(await store.untrusted('above'), [id]);
  await store.remove('above');
  await store.remove('lost');
  await store.cleanup();
  t.is(readdirSync(join(root, 'snapshots')).length, 2);
});

test('the number of the next content is lost: none is used twice', async (t) => {
  const { root, store } = await storeWithChain(t);
  spoil(root, 'x', 'sequence');
  const before = new Set(readdirSync(join(root, 'snapshots')));
  await store.prepare('next', '');
  t.false(before.has(idOf(root, await store.directory('next'))));
  t.is(readdirSync(join(root, 'snapshots')).length, before.size + 1);
});

test('rows that lead to a name which is gone lead nowhere', async (t) => {
  const { root, store } = await storeWithChain(t);
  await extractFile(store, layer('a'));
  const chainID = layer('a').chainID;
  const id = idOf(root, await store.directory(chainID));
  spoil(root, '0', 'use', id, 'other', 'gone');
  spoil(root, '0', 'child', 'layerhook', chainID, 'gone too');
  t.is((await store.list()).find((content) => content.id === id)!.names.length, 1);
  await store.markDamaged(id, 'test');
  await extractFile(store, layer('a'));
  t.true(await store.find(layer('a'), '', nothingBelow));
});
