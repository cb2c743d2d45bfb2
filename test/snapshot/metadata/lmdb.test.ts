import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { loadLmdb } from '../../../src/snapshot/metadata/lmdb.js';
import { tmpdir } from '../../helpers/tmp.js';

const require = createRequire(import.meta.url);
const lazy = ['msgpackr', 'weak-lru-cache', 'ordered-binary', '@harperfast/extended-iterable'];

test.serial('lmdb is loaded without what opening a store does not need', (t) => {
  const { open } = loadLmdb();
  t.is(typeof open, 'function');
  const within = createRequire(require.resolve('lmdb'));
  for (const name of [...lazy, 'node-gyp-build-optional-packages']) {
    t.is(require.cache[within.resolve(name)], undefined, name);
  }
});

test.serial('it is all of lmdb for others in this process: keys, values, caches and iterators', async (t) => {
  const { open, compareKeys } = require('lmdb') as typeof import('lmdb');
  const db = open<unknown, (string | number)[]>({ path: join(tmpdir(t), 'db'), cache: true });
  await db.put(['key', 2], { value: new Date(5) });
  await db.put(['key', 10], 'ten');
  t.deepEqual(db.get(['key', 2]), { value: new Date(5) });
  t.deepEqual([...db.getRange({ start: ['key', 3] }).map(({ value }) => value)], ['ten']);
  t.true(compareKeys(['key', 2], ['key', 10]) < 0);
  await db.close();

  const imported = await import('lmdb');
  const second = imported.open<unknown, string>({ path: join(tmpdir(t), 'second') });
  await second.put('a', new Map([[1, 2]]));
  t.deepEqual(second.get('a'), new Map([[1, 2]]));
  await second.close();
});
