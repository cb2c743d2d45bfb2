import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mountAll, unmountAll } from '../../src/overlay/mount.js';
import type { Mount, Store } from '../../src/store/types.js';
import { fromText } from '../../src/system/bytes.js';
import { getXattr, setXattr } from '../../src/system/xattr.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { commitFile, freshStore, storeAt } from './helpers.js';

const indexOff = existsSync('/sys/module/overlay/parameters/index') ? ['index=off'] : [];

test('mounts are those that containerd’s overlay snapshotter gives', async (t) => {
  const store = await freshStore(t);
  const fs = (name: string) => store.directory(name);
  t.deepEqual(await store.prepare('first', ''), [bind(await fs('first'), 'rw')]);
  await store.commit('1', 'first');
  t.deepEqual(await store.view('empty', ''), [bind(await fs('empty'), 'ro')]);
  t.deepEqual(await store.view('view of one', '1'), [bind(await fs('1'), 'ro')]);

  const active = await store.prepare('second', '1');
  const own = await fs('second');
  const dirs = [`workdir=${own.replace(/fs$/, 'work')}`, `upperdir=${own}`, `lowerdir=${await fs('1')}`];
  t.deepEqual(active, [{ type: 'overlay', source: 'overlay', target: '', options: [...dirs, ...indexOff] }]);
  t.deepEqual(await store.mounts('second'), active);
  await store.commit('2', 'second');

  const lowerdir = `lowerdir=${await fs('2')}:${await fs('1')}`;
  const view = { type: 'overlay' as const, source: 'overlay', target: '', options: [lowerdir, ...indexOff] };
  t.deepEqual(await store.view('view of two', '2'), [view]);
  t.deepEqual(await store.mounts('view of two'), [view]);
  t.deepEqual(await store.lowerdirs('2'), [await fs('2'), await fs('1')]);
});

test('only active snapshots and views have mounts', async (t) => {
  const store = await freshStore(t);
  await commitFile(store, 'base');
  await t.throwsAsync(store.mounts('base'), { code: 'SNAPSHOT_PRECONDITION' });
  await t.throwsAsync(store.mounts('missing'), { code: 'SNAPSHOT_NOT_FOUND' });
});

rootTest('a view shows all layers and cannot be written, an active snapshot can', async (t) => {
  const store = await freshStore(t);
  await commitFile(store, 'a');
  await store.prepare('b', 'a');
  await mounted(t, await store.mounts('b'), (root) => {
    t.is(readFileSync(join(root, 'file'), 'utf8'), 'a');
    writeFileSync(join(root, 'file'), 'b');
    writeFileSync(join(root, 'second'), '');
  });
  await store.commit('B', 'b');
  await mounted(t, await store.view('view', 'B'), (root) => {
    t.is(readFileSync(join(root, 'file'), 'utf8'), 'b');
    t.throws(() => writeFileSync(join(root, 'x'), ''), { code: 'EROFS' });
  });
  await mounted(t, await store.view('lone', 'a'), (root) => {
    t.is(readFileSync(join(root, 'file'), 'utf8'), 'a');
    t.throws(() => writeFileSync(join(root, 'x'), ''), { code: 'EROFS' });
  });
});

rootTest('the root directory of an image shows through: its mode, owner, attributes and time', async (t) => {
  const store = await freshStore(t);
  await store.prepare('a', '');
  const root = await store.directory('a');
  chownSync(root, 12, 34);
  chmodSync(root, 0o1751);
  setXattr(fromText(root), 'trusted.note', Buffer.from('of the image'));
  setXattr(fromText(root), 'trusted.overlay.opaque', Buffer.from('y'));
  utimesSync(root, 1_000_000, 1_000_000);
  await store.commit('A', 'a');
  await mounted(t, await store.prepare('b', 'A'), (place) => {
    const { uid, gid, mode, mtimeMs } = statSync(place);
    t.deepEqual({ uid, gid, mode: mode & 0o7777, mtimeMs }, { uid: 12, gid: 34, mode: 0o1751, mtimeMs: 1e9 });
    t.is(getXattr(fromText(place), 'trusted.note')?.toString(), 'of the image');
  });
  const upper = await store.directory('b');
  t.is(getXattr(fromText(upper), 'trusted.overlay.opaque'), undefined);
});

test.serial(
  'only its owner can enter the store, under any umask; mounted directories are open',
  async (t) => {
    const old = process.umask(0o077);
    const root = join(tmpdir(t), 'parent', 'store');
    const store = await storeAt(t, root);
    await store.prepare('a', '');
    process.umask(old);
    t.is(lstatSync(root).mode & 0o777, 0o700);
    t.is(lstatSync(join(root, 'metadata/store.mdb')).mode & 0o777, 0o600);
    t.is(lstatSync(await store.directory('a')).mode & 0o777, 0o755);
  },
);

for (const name of ['a:b', 'a,b', 'a\\b', 'a b', 'é\n']) {
  rootTest(`layers of a store at ${JSON.stringify(name)} can be mounted, by mount(8) too`, async (t) => {
    const store = await storeAt(t, join(tmpdir(t), name));
    await commitFile(store, 'base');
    const mounts = await store.prepare('active', 'base');
    await mounted(t, mounts, (root) => t.is(readFileSync(join(root, 'file'), 'utf8'), 'base'));
  });
}

rootTest('500 layers are mounted', async (t) => {
  const store = await freshStore(t);
  await chain(store, 500);
  const mounts = await store.prepare('active', '500');
  t.is((await store.lowerdirs('500')).length, 500);
  await mounted(t, mounts, (root) => {
    t.is(readFileSync(join(root, 'file'), 'utf8'), '500');
    t.true(existsSync(join(root, 'of 1')) && existsSync(join(root, 'of 499')));
  });
});

/** Commits as many layers as the kernel takes, each with a file of its own. */
async function chain(store: Store, length: number): Promise<void> {
  for (let at = 1; at <= length; at++) {
    await store.prepare('key', at === 1 ? '' : String(at - 1));
    const directory = await store.directory('key');
    writeFileSync(join(directory, 'file'), String(at));
    writeFileSync(join(directory, `of ${at}`), '');
    await store.commit(String(at), 'key');
  }
}

function bind(source: string, access: 'ro' | 'rw'): Mount {
  return { type: 'bind', source, target: '', options: [access, 'rbind'] };
}

/** Mounts, looks, and unmounts. */
async function mounted(t: ExecutionContext, mounts: Mount[], look: (root: string) => void): Promise<void> {
  const root = join(tmpdir(t), 'mnt');
  mkdirSync(root);
  t.teardown(() => {
    try {
      execFileSync('umount', ['-l', root], { stdio: 'ignore' });
    } catch {
      // it has been unmounted
    }
  });
  await mountAll(mounts, root);
  try {
    look(root);
  } finally {
    await unmountAll(root);
  }
}
