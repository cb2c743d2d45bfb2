/** Copies of bundles name the snapshot of the bundle that they are copies of: it stays that bundle's. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { listBundles } from '../../../src/engine/bundle/list.js';
import { mountBundle, unmountBundle } from '../../../src/engine/bundle/mount.js';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { repack } from '../../../src/engine/repack/repack.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import { openStore } from '../../../src/store/index.js';
import type { Store } from '../../../src/store/types.js';
import { silentLogger } from '../../../src/system/logger.js';
import { layerhook } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { mountBtrfs } from '../btrfs/loop.js';

const config = { hooksFile: null } as const;
const isCopy = { code: 'BUNDLE_COPY' };

async function namesIn(store: Store, filters?: string[]): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.walk(filters)) names.push(name);
  return names.sort();
}

/** A bundle with a change, and what can be done to it and its copies. @param dir where bundles are */
async function place(t: ExecutionContext, dir = tmpdir(t)) {
  t.teardown(() => unmountTree(dir));
  const at = (name: string) => join(dir, name);
  const store = at('store');
  const image = buildImage(t, [[{ name: 'base', content: 'base' }]]).reference;
  const here = {
    ...{ dir, store, image, at },
    unpack: (name: string, more = {}) =>
      unpack({ image, bundle: at(name), driver: 'overlay', store, ...config, ...more }),
    copy: (from: string, to: string, how = '-a') => execFileSync('cp', [how, at(from), at(to)]),
    move: (from: string, to: string) => renameSync(at(from), at(to)),
    mount: (name: string, more = {}) => mountBundle({ bundle: at(name), ...config, ...more }),
    umount: (name: string) => unmountBundle({ bundle: at(name), ...config }),
    repack: (name: string, more = {}) => repack({ image, bundle: at(name), ...config, ...more }),
    async remove(name: string) {
      const warnings: string[] = [];
      const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
      await removeBundle({ bundle: at(name), log, ...config });
      t.false(existsSync(at(name)));
      return warnings;
    },
    bundles: async () => (await listBundles({ store, ...config })).map(({ bundle }) => bundle),
    /** nothing can be done with a copy that would read or change what is another's */
    async isRefused(name: string, message: RegExp) {
      const refused = { ...isCopy, message };
      await t.throwsAsync(here.mount(name), refused);
      await t.throwsAsync(here.repack(name), refused);
      await t.throwsAsync(here.repack(name, { refreshBundle: true }), refused);
    },
    /** a bundle is mounted, has its change, and can be repacked */
    async isWhole(name: string) {
      await here.umount(name);
      await here.mount(name);
      t.is(readFileSync(join(at(name), 'rootfs/precious'), 'utf8'), 'precious');
      t.like(await here.repack(name, { image: `${image}-${Math.random()}` }), { changes: 2 });
    },
    withStore: async (use: (store: Store, key: string) => Promise<unknown>) => {
      const opened = await openStore({ root: store });
      const [found] = await namesIn(opened, ['kind==active']);
      await use(opened, found!);
      await opened.close();
    },
  };
  await here.unpack('b');
  writeFileSync(join(at('b'), 'rootfs/precious'), 'precious');
  return here;
}

for (const [title, how] of [
  ['cp -a', '-a'],
  ['hard links', '-al'],
] as const)
  test(`a copy is refused, and its removal leaves the changes of the original: ${title}`, async (t) => {
    if (!requires(t, 'root', 'mount')) return;
    const here = await place(t);
    await here.umount('b');
    for (const name of ['one', 'two']) here.copy('b', name, how);
    for (const mounted of [false, true]) {
      if (mounted) await here.mount('b');
      await here.isRefused('one', new RegExp(`${here.at('one')} is a copy: .* belong to ${here.at('b')}$`));
      await here.umount('one');
      await t.throwsAsync(here.mount('one', { claim: true }), { code: 'BUNDLE_COPY' });
    }
    t.regex((await here.remove('one')).join(), new RegExp(`one is a copy: .* for ${here.at('b')}`));
    t.is(readFileSync(join(here.at('b'), 'rootfs/precious'), 'utf8'), 'precious');
    await here.umount('b');
    await here.remove('two');
    await here.isWhole('b');
    t.deepEqual(await here.remove('b'), []);
    t.deepEqual(await here.bundles(), []);
  });

test('a copy of a mounted bundle, with all that shows in its rootfs', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  here.copy('b', 'copy');
  t.true(existsSync(join(here.at('copy'), 'rootfs/precious')));
  await here.isRefused('copy', /is a copy/);
  await here.remove('copy');
  await here.isWhole('b');
});

test('a copy mounted by hand is unmounted and removed alone', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  await here.umount('b');
  here.copy('b', 'copy');
  await here.mount('b');
  execFileSync('mount', ['--bind', join(here.at('b'), 'rootfs'), join(here.at('copy'), 'rootfs')]);
  await here.isRefused('copy', /is a copy/);
  await here.umount('copy');
  t.deepEqual(readdirSync(join(here.at('copy'), 'rootfs')), []);
  execFileSync('mount', ['--bind', join(here.at('b'), 'rootfs'), join(here.at('copy'), 'rootfs')]);
  await here.remove('copy');
  await here.isWhole('b');
});

test('when the original is removed first, nothing is left for its copy', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  await here.umount('b');
  here.copy('b', 'copy');
  await here.remove('b');
  const damaged = {
    code: 'BUNDLE_DAMAGED',
    message: /copy is damaged: the layer store does not have its changes/,
  };
  await t.throwsAsync(here.mount('copy'), damaged);
  await t.throwsAsync(here.repack('copy'), damaged);
  t.deepEqual(await here.remove('copy'), []);
});

test('a moved bundle keeps its identity; a copy at its old place does not get it', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  await here.umount('b');
  here.move('b', 'moved');
  here.copy('moved', 'b');
  await here.isRefused('b', /is a copy/);
  await here.isWhole('moved');
  t.deepEqual(await here.bundles(), [here.at('moved')]);
  await here.isRefused('b', new RegExp(`belong to ${here.at('moved')}$`));
  await here.remove('b');
  here.move('moved', 'again');
  await here.isWhole('again');
  here.move('again', 'b');
  await here.repack('b', { refreshBundle: true });
  t.deepEqual(await here.bundles(), [here.at('b')]);
  await here.umount('b');
  here.copy('b', 'copy');
  await here.isRefused('copy', /is a copy/);
  here.move('b', 'last');
  t.deepEqual(await here.remove('last'), []);
  t.deepEqual(await here.bundles(), []);
});

test('a bundle that was moved to another filesystem is claimed, once its old directory is gone', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  mkdirSync(here.at('fs'));
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', here.at('fs')]);
  await here.umount('b');
  here.copy('b', 'fs/b');
  here.copy('b', 'backup');
  await t.throwsAsync(here.mount('fs/b', { claim: true }), isCopy);
  rmSync(here.at('b'), { recursive: true });
  const run = (...args: string[]) => layerhook(['bundle', 'mount', ...args, here.at('fs/b')]);
  const { status, stderr } = await run();
  t.is(status, 12);
  t.regex(stderr, new RegExp(`if ${here.at('b')} is gone,.* bundle mount --claim ${here.at('fs/b')};`));
  t.is((await run('--claim')).status, 0);
  await here.isWhole('fs/b');
  t.deepEqual(await here.bundles(), [here.at('fs/b')]);
  // another copy in the place of the first
  here.move('backup', 'b');
  await here.isRefused('b', new RegExp(`belong to ${here.at('fs/b')}$`));
  await t.throwsAsync(here.mount('b', { claim: true }), isCopy);
  await here.remove('b');
  t.deepEqual(await here.remove('fs/b'), []);
});

test('a backup that is restored to the same place is claimed', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  await here.umount('b');
  here.copy('b', 'backup');
  rmSync(here.at('b'), { recursive: true });
  here.copy('backup', 'b');
  await here.isRefused('b', /is a copy: .* belong to the directory that it was unpacked to$/);
  await here.mount('b', { claim: true });
  await here.mount('b', { claim: true });
  await here.isWhole('b');
});

test('a bundle that is still mounted at an unknown place is not claimed', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  here.copy('b', 'copy');
  here.move('b', 'unseen');
  const mounted = { code: 'BUNDLE_BUSY', message: new RegExp(`mounted at ${here.at('unseen/rootfs')}`) };
  await t.throwsAsync(here.mount('copy', { claim: true }), mounted);
  await here.remove('copy');
  await here.isWhole('unseen');
});

test('a bundle names neither a layer nor the snapshot of another bundle', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  await here.unpack('evil');
  let names: string[] = [];
  await here.withStore(async (store) => {
    names = await namesIn(store);
  });
  t.is(names.length, 3);
  const evil = join(here.at('evil'), 'layerhook.overlay');
  const own = JSON.parse(readFileSync(evil, 'utf8')).key;
  const manifest = 'sha256:0';
  await here.umount('evil');
  for (const key of names.filter((name) => name !== own)) {
    writeFileSync(evil, JSON.stringify({ key }));
    for (const call of [here.mount('evil'), here.mount('evil', { claim: true }), here.repack('evil')])
      await t.throwsAsync(call, {
        message: /is a copy|names the snapshot .*, which does not belong to a bundle/,
      });
    // what a refresh leaves is removed by the next mount
    writeFileSync(evil, JSON.stringify({ key: own, next: { key, manifest } }));
    await here.mount('evil');
    await here.umount('evil');
    await here.withStore(async (store) => t.truthy(await store.stat(key)));
  }
  writeFileSync(
    evil,
    JSON.stringify({ key: names.find((name) => name !== own), next: { key: own, manifest } }),
  );
  await here.remove('evil');
  await here.withStore(async (store) => {
    const left = await namesIn(store);
    t.deepEqual(
      left,
      names.filter((name) => name !== own),
    );
  });
  await here.isWhole('b');
});

for (const existing of [false, true])
  test(`an unpack that fails leaves no snapshot; bundle directory there before: ${existing}`, async (t) => {
    if (!requires(t, 'root', 'mount')) return;
    const here = await place(t);
    if (existing) mkdirSync(here.at('new'));
    const fail = () => {
      throw new Error('failed');
    };
    const hooks = { 'unpack.ociv1.bundle.config': fail };
    await t.throwsAsync(here.unpack('new', { hooks }));
    t.deepEqual(await here.bundles(), [here.at('b')]);
    await here.unpack('new');
    writeFileSync(join(here.at('new'), 'rootfs/precious'), 'precious');
    await here.isWhole('new');
    await here.umount('new');
    here.copy('new', 'copy');
    await here.isRefused('copy', /is a copy/);
    t.deepEqual(await here.remove('new'), []);
    t.deepEqual(await here.bundles(), [here.at('b')]);
  });

test('a bundle of an earlier version is known by its path, and claimed after it was moved', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const here = await place(t);
  await here.withStore(async (store, name) => {
    const { labels } = await store.stat(name);
    await store.update({ name, labels: { 'layerhook/bundle': labels['layerhook/bundle']! } });
  });
  await here.isWhole('b');
  await here.umount('b');
  here.copy('b', 'copy');
  await here.isRefused('copy', /is a copy/);
  await t.throwsAsync(here.mount('copy', { claim: true }), isCopy);
  await here.remove('copy');
  here.move('b', 'moved');
  await here.isRefused('moved', /is a copy/);
  await here.mount('moved', { claim: true });
  here.move('moved', 'again');
  await here.isWhole('again');
});

test('a bundle is recognized after its filesystem is remounted; its copy in a snapshot is refused', async (t) => {
  if (!requires(t, 'root', 'loop-btrfs', 'mkfs.btrfs', 'btrfs')) return;
  const base = tmpdir(t);
  const { mountpoint } = mountBtrfs(base);
  t.teardown(() => unmountTree(base));
  execFileSync('btrfs', ['subvolume', 'create', join(mountpoint, 'data')]);
  const here = await place(t, join(mountpoint, 'data'));
  await here.umount('b');
  const snapshot = ['subvolume', 'snapshot', here.dir, join(mountpoint, 'before')];
  execFileSync('btrfs', snapshot);
  execFileSync('umount', [mountpoint]);
  execFileSync('mount', ['-o', 'loop', join(base, 'btrfs.img'), mountpoint]);
  await here.isRefused('../before/b', new RegExp(`belong to ${here.at('b')}$`));
  await here.isWhole('b');
  await here.remove('../before/b');
  await here.isWhole('b');
});

rootTest('a bundle whose store is elsewhere is kept and refused, and no other store is made', async (t) => {
  const here = await place(t);
  await here.umount('b');
  here.move('store', 'elsewhere');
  const refused = { code: 'BUNDLE_DAMAGED', message: /its layer store .*\/store is missing$/ };
  await t.throwsAsync(here.mount('b'), refused);
  await t.throwsAsync(here.mount('b', { claim: true }), refused);
  await t.throwsAsync(here.repack('b'), refused);
  await t.throwsAsync(here.repack('b', { refreshBundle: true }), refused);
  await t.throwsAsync(removeBundle({ bundle: here.at('b'), ...config }), refused);
  t.deepEqual(readdirSync(here.dir).sort(), ['b', 'elsewhere']);
  here.move('elsewhere', 'store');
  await here.mount('b');
  await here.isWhole('b');
  await here.umount('b');
  here.move('store', 'elsewhere');
  await removeBundle({ bundle: here.at('b'), force: true, ...config });
  t.deepEqual(readdirSync(here.dir), ['elsewhere']);
});
