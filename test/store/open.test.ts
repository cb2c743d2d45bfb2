import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openStore } from '../../src/store/index.js';
import { tmpdir } from '../helpers/tmp.js';

test('a missing store is not created with create: false', async (t) => {
  const root = join(tmpdir(t), 'store');
  await t.throwsAsync(openStore({ root, create: false }), { code: 'STORE_NOT_FOUND' });
  t.false(existsSync(root));
  // as `rm -rf` leaves a store between two of its steps
  mkdirSync(join(root, 'locks'), { recursive: true });
  await t.throwsAsync(openStore({ root, create: false }), { code: 'STORE_NOT_FOUND' });
  t.false(existsSync(join(root, 'metadata')));
});

test('an existing store opens with create: false', async (t) => {
  const root = join(tmpdir(t), 'store');
  await (await openStore({ root })).close();
  const store = await openStore({ root, create: false });
  t.deepEqual(await store.list(), []);
  await store.close();
});

test('a store whose metadata is gone is refused and stays unchanged', async (t) => {
  const root = join(tmpdir(t), 'store');
  mkdirSync(join(root, 'snapshots/1/fs'), { recursive: true });
  await t.throwsAsync(openStore({ root }), { code: 'STORE_INVALID' });
  t.deepEqual(readdirSync(root), ['snapshots']);
});
