/** Snapshots whose directories are not what they should be: the others work, and these can be removed or extracted again. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Store } from '../../src/store/types.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { commitFile, extractFile, layer, nothingBelow, storeAt, walkAll } from './helpers.js';

/** What may have happened to the directory of a snapshot, whose `fs` is given. */
const breaks: Record<string, (fs: string) => void> = {
  'is missing': (fs) => rmSync(dirname(fs), { recursive: true }),
  'is a file': (fs) => {
    rmSync(dirname(fs), { recursive: true });
    writeFileSync(dirname(fs), '');
  },
  'has no fs': (fs) => rmSync(fs, { recursive: true }),
  'has a file as its fs': (fs) => {
    rmSync(fs, { recursive: true });
    writeFileSync(fs, '');
  },
};

/** `a`, `b` on top of it, and an active snapshot and a view on top of that. */
async function chained(t: ExecutionContext): Promise<{ root: string; store: Store }> {
  const root = join(tmpdir(t), 'store');
  const store = await storeAt(t, root);
  await commitFile(store, 'a');
  await commitFile(store, 'b', 'a');
  await store.prepare('active', 'b');
  await store.view('view', 'b');
  return { root, store };
}

for (const [what, spoil] of Object.entries(breaks)) {
  test(`a layer that ${what} is refused below any mount, and can be removed`, async (t) => {
    const { root, store } = await chained(t);
    spoil(await store.directory('a'));
    const refused = { code: 'SNAPSHOT_BROKEN', message: /^snapshot a cannot be used: its directory is / };
    await t.throwsAsync(store.prepare('more', 'b'), refused);
    await t.throwsAsync(store.view('more', 'a'), refused);
    await t.throwsAsync(store.mounts('active'), refused);
    await t.throwsAsync(store.mounts('view'), refused);
    await t.throwsAsync(store.stat('more'), { code: 'SNAPSHOT_NOT_FOUND' });
    t.deepEqual(
      (await store.untrustedSnapshots()).map(({ name }) => name),
      ['a'],
    );
    t.is((await store.list()).filter(({ missing }) => missing !== undefined).length, 1);
    t.is((await walkAll(store)).length, 4);
    t.true((await store.usage('a')).inodes > 0, 'its recorded usage stays');
    for (const name of ['active', 'view', 'b', 'a']) await store.remove(name);
    await store.cleanup();
    t.deepEqual(readdirSync(join(root, 'snapshots')), []);
  });

  test(`a layer that ${what} is extracted again, for all that are on top of it`, async (t) => {
    const store = await storeAt(t, join(tmpdir(t), 'store'));
    await extractFile(store, layer('a'));
    await extractFile(store, layer('b', 'ab'), layer('a').chainID);
    await store.prepare('active', layer('b', 'ab').chainID);
    spoil(await store.directory(layer('a').chainID));
    t.false(await store.find(layer('a'), '', nothingBelow));
    await extractFile(store, layer('a'));
    t.deepEqual(await store.untrustedSnapshots(), []);
    const [mount] = await store.mounts('active');
    t.true(mount!.options.join().includes(await store.directory(layer('a').chainID)));
  });

  test(`an active snapshot that ${what} is refused, takes nothing, and can be removed`, async (t) => {
    const { root, store } = await chained(t);
    spoil(await store.directory('active'));
    await t.throwsAsync(store.mounts('active'), { code: 'SNAPSHOT_BROKEN' });
    await t.throwsAsync(store.commit('c', 'active'), { code: 'SNAPSHOT_BROKEN' });
    t.deepEqual(await store.usage('active'), { size: 0, inodes: 0 });
    await store.remove('active');
    await store.cleanup();
    t.is(readdirSync(join(root, 'snapshots')).length, 3);
  });

  test(`an active snapshot of another boot that ${what} is refused, not made again without its changes`, async (t) => {
    const { root, store } = await chained(t);
    spoil(await store.directory('active'));
    const after = await storeAt(t, root, { boot: 'boot 2', durability: 'none' });
    await t.throwsAsync(after.mounts('active'), { code: 'SNAPSHOT_BROKEN' });
    t.deepEqual(
      (await after.untrustedSnapshots()).map(({ name }) => name),
      ['active'],
    );
    await after.remove('active');
  });

  test(`the directory of a view that ${what} is not missed`, async (t) => {
    const { store } = await chained(t);
    const mounts = await store.mounts('view');
    spoil(await store.directory('view'));
    t.deepEqual(await store.mounts('view'), mounts);
    t.deepEqual(await store.untrustedSnapshots(), []);
  });
}

rootTest('an active snapshot that has lost its work directory gets another', async (t) => {
  const { store } = await chained(t);
  const work = join(dirname(await store.directory('active')), 'work');
  rmSync(work, { recursive: true });
  await store.mounts('active');
  t.deepEqual(readdirSync(work), []);
  rmSync(work, { recursive: true });
  writeFileSync(work, '');
  await store.mounts('active');
  t.deepEqual(readdirSync(work), []);
  mkdirSync(join(work, 'work'));
  await store.mounts('active');
  t.true(existsSync(join(work, 'work')), 'that of a mount is left alone');
});

test('with requireTrust, what is damaged or unproven is refused too', async (t) => {
  const { root, store } = await chained(t);
  const strict = await storeAt(t, root, { requireTrust: true });
  await strict.mounts('active');
  const { id } = (await store.list()).find(({ names }) => names[0]!.name === 'a')!;
  await store.markDamaged(id, '2 files differ');
  await t.throwsAsync(strict.mounts('active'), { message: /^snapshot a .*: it is damaged: 2 files differ$/ });
  await store.mounts('active');
  const after = await storeAt(t, root, { requireTrust: true, boot: 'boot 2' });
  const unproven = { message: /^snapshot b .* not yet flushed to disk when the machine stopped$/ };
  await t.throwsAsync(after.prepare('more', 'b'), unproven);
  for (const content of await store.list()) await after.markVerified(content.id);
  await after.prepare('more', 'b');
  const trusting = await storeAt(t, root, { requireTrust: true, boot: 'boot 3', durability: 'none' });
  await trusting.mounts('more');
});
