import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openStore } from '../../src/store/open.js';
import type { Store } from '../../src/store/types.js';
import { mainFile, run, succeed } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { commitFile, extractFile, layer, nothingBelow, signal, storeAt, walkAll } from './helpers.js';
import { extractAs, type Form, forms } from './images.js';

const [one, two] = [layer('1'), layer('2', '12')];
const base = one.chainID;

/** A store with two layers and a bundle, and the same store after the machine was started again. */
async function reboot(
  t: ExecutionContext<unknown>,
  prepare: (store: Store) => Promise<void> = async () => {},
  form: Form = 'directory',
) {
  const root = join(tmpdir(t), 'store');
  const before = await storeAt(t, root);
  await extractAs(form, before, one);
  await extractAs(form, before, two, base);
  await before.prepare('bundle', two.chainID);
  await prepare(before);
  return { root, before, after: await storeAt(t, root, { boot: 'boot 2' }) };
}

test('a sync flushes the record that layers are on disk', async (t) => {
  if (!requires(t, 'strace')) return;
  const root = join(tmpdir(t), 'store');
  const store = await openStore({ root });
  await commitFile(store, 'a');
  await store.close();
  const log = join(dirname(root), 'strace');
  const words = ['-f', '-y', '-qq', '-o', log, '-e', 'trace=pwrite64,writev,pwritev,fdatasync'];
  await succeed(t, run('strace', [...words, process.execPath, mainFile, 'store', 'sync', '--store', root]));
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .filter((call) => call.includes('/metadata/store.mdb>'));
  t.true(calls.some((call) => call.includes('pwrite64(')));
  t.regex(calls.at(-1)!, / fdatasync\(/);
});

for (const form of forms) {
  const testOf = form === 'image' ? rootTest : test;

  testOf(
    `unflushed content is not trusted under another boot: ${form}`,
    async (t: ExecutionContext<unknown>) => {
      const { before, after } = await reboot(t, async () => {}, form);
      t.true(await before.find(one, '', nothingBelow));
      t.false(await after.find(one, '', nothingBelow));
      t.is((await after.untrusted('bundle')).length, 2);
      t.deepEqual(await before.untrusted('bundle'), []);
    },
  );

  testOf(`flushed content is trusted under any boot: ${form}`, async (t: ExecutionContext<unknown>) => {
    const { after } = await reboot(t, (store) => store.sync(), form);
    t.true(await after.find(one, '', nothingBelow));
    t.true(await after.find(two, base, nothingBelow));
    t.true((await after.list()).filter(({ usage }) => usage).every(({ flushed }) => flushed));
  });

  testOf(
    `a flush does not prove what was written under another boot: ${form}`,
    async (t: ExecutionContext<unknown>) => {
      const { root, after } = await reboot(t, async () => {}, form);
      await after.sync();
      t.false(await after.find(one, '', nothingBelow));
      const before = await storeAt(t, root);
      await before.sync();
      t.true(await after.find(one, '', nothingBelow));
    },
  );

  testOf(
    `an unproven layer is extracted again, in the same form: ${form}`,
    async (t: ExecutionContext<unknown>) => {
      const { after } = await reboot(t, async () => {}, form);
      await extractAs(form, after, one);
      t.true(await after.find(one, '', nothingBelow));
      t.is(readFileSync(join(await after.directory(base), 'file'), 'utf8'), one.diffID);
      t.deepEqual((await after.lowerdirs(two.chainID)).slice(1), [await after.directory(base)]);
      t.is((await after.untrusted('bundle')).length, 1);
    },
  );

  testOf(
    `a layer that a power loss has erased is extracted again: ${form}`,
    async (t: ExecutionContext<unknown>) => {
      const { before } = await reboot(t, (store) => store.remove('bundle'), form);
      await before.unmountUnused();
      const { directory } = (await before.list()).find(({ layer: of }) => of?.diffID === one.diffID)!;
      await before.close();
      const again = await storeAt(t, dirname(dirname(dirname(directory))));
      rmSync(dirname(directory), { recursive: true });
      t.false(await again.find(one, '', nothingBelow));
      await extractAs(form, again, one);
      t.true(await again.find(one, '', nothingBelow));
    },
  );
}

test('with durability sync everything is flushed before it is committed; with none everything is trusted', async (t) => {
  const root = join(tmpdir(t), 'store');
  const [sync, boot] = [await storeAt(t, root, { durability: 'sync' }), await storeAt(t, root)];
  await extractFile(sync, one);
  await extractFile(boot, two, base);
  const after = await storeAt(t, root, { boot: 'boot 2' });
  t.true(await after.find(one, '', nothingBelow));
  t.false(await after.find(two, base, nothingBelow));
  const trusting = await storeAt(t, root, { boot: 'boot 2', durability: 'none' });
  t.true(await trusting.find(two, base, nothingBelow));
});

test('an unproven layer is extracted again into its place', async (t) => {
  const { root, after } = await reboot(t);
  const other = await storeAt(t, root, { boot: 'boot 2', client: 'other' });
  const old = await after.directory(base);
  writeFileSync(join(old, 'file'), '');
  await extractFile(after, one);
  t.true(await after.find(one, '', nothingBelow));
  t.is(readFileSync(join(await after.directory(base), 'file'), 'utf8'), one.diffID);
  t.deepEqual((await after.lowerdirs(two.chainID)).slice(1), [await after.directory(base)]);
  const [mount] = await after.mounts('bundle');
  t.true(mount!.options.join().includes(await after.directory(base)));
  t.is((await after.untrusted('bundle')).length, 1);
  t.true(await other.find(one, '', nothingBelow));
});

test('the directory of an unproven layer stays while mounts of this boot may need it', async (t) => {
  const { root, after } = await reboot(t);
  const old = await after.directory(base);
  await extractFile(after, one);
  await after.cleanup();
  t.true(existsSync(old));
  const later = await storeAt(t, root, { boot: 'boot 3' });
  await later.cleanup();
  t.false(existsSync(old));
});

test('a damaged layer is extracted again, for every client that has it', async (t) => {
  const { root, before } = await reboot(t, (store) => store.remove('bundle'));
  const other = await storeAt(t, root, { client: 'other' });
  await other.find(one, '', nothingBelow);
  const old = await before.directory(base);
  const damaged = (await before.list()).find(({ directory }) => directory === old)!;
  await before.markDamaged(damaged.id, 'file has another size');
  t.like(
    (await before.list()).find(({ id }) => id === damaged.id),
    { trusted: false, damaged: 'file has another size' },
  );
  t.false(await other.find(one, '', nothingBelow));
  await extractFile(other, one);
  t.true(await before.find(one, '', nothingBelow));
  t.is(await before.directory(base), await other.directory(base));
  t.false(existsSync(old));
  t.true((await before.list()).every(({ trusted }) => trusted));
  await t.throwsAsync(before.markDamaged('no number', ''), { code: 'SNAPSHOT_NOT_FOUND' });
});

test('a damaged layer that another chain shares is replaced there too', async (t) => {
  const { before } = await reboot(t);
  await extractFile(before, layer('x'));
  await before.find(layer('2', 'x2'), layer('x').chainID, nothingBelow);
  const { id } = (await before.list()).find(({ layer: of }) => of?.diffID === two.diffID)!;
  await before.markDamaged(id, 'gone');
  await extractFile(before, two, base);
  t.true(await before.find(layer('2', 'x2'), layer('x').chainID, nothingBelow));
});

test('content verified after a reboot is trusted', async (t) => {
  const { root, after } = await reboot(t);
  for (const { id } of await after.list()) await after.markVerified(id);
  t.true(await after.find(one, '', nothingBelow));
  const later = await storeAt(t, root, { boot: 'boot 3' });
  t.true(await later.find(one, '', nothingBelow));
});

test('content verified under the boot that wrote it is not trusted after a reboot', async (t) => {
  const { before, after } = await reboot(t);
  for (const { id } of await before.list()) await before.markVerified(id);
  t.false(await after.find(one, '', nothingBelow));
});

test('a layer whose directory is gone is extracted again', async (t) => {
  const { before } = await reboot(t, (store) => store.remove('bundle'));
  rmSync(dirname(await before.directory(base)), { recursive: true });
  t.false(await before.find(one, '', nothingBelow));
  await extractFile(before, one);
  t.true(await before.find(one, '', nothingBelow));
});

test('a number that a power loss has given back is used again', async (t) => {
  const { before, root } = await reboot(t);
  // what a transaction that was undone has left
  const next = Math.max(...(await before.list()).map(({ id }) => Number(id))) + 1;
  mkdirSync(join(root, 'snapshots', String(next), 'fs', 'leftover'), { recursive: true });
  const extraction = await before.extract(layer('new'), '', { signal });
  t.false(existsSync(join(extraction!.target, 'leftover')));
  await extraction!.discard();
  t.is((await walkAll(before)).length, 3);
});
