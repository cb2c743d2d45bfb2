/** Trees that take long: calls are answered while one is measured or deleted, and nothing of them is lost. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectSnapshotter, type ServeOptions, serveSnapshotter } from '../../src/snapshotter/index.js';
import type { Snapshotter } from '../../src/store/types.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { storeAt } from '../store/helpers.js';

const directories = 25;
const filesInEach = 1000;
const inodes = 2 + directories * (filesInEach + 1);

async function serve(t: ExecutionContext<unknown>, options: Partial<ServeOptions> = {}) {
  const dir = tmpdir(t);
  const root = join(dir, 'store');
  const address = join(dir, 'socket');
  const service = await serveSnapshotter({ root, address, ...options });
  const containerd = connectSnapshotter(address);
  t.teardown(async () => {
    await containerd.close();
    await service.close();
  });
  return { containerd, service, root, removed: () => readdirSync(join(root, 'removed')) };
}

/** Prepares a snapshot with many files. @returns its directory */
async function prepareLarge(containerd: Snapshotter, key: string): Promise<string> {
  const [mount] = await containerd.prepare(key, '');
  for (let at = 0; at < directories; at++) {
    const directory = join(mount!.source, `d${at}`);
    mkdirSync(directory);
    for (let file = 0; file < filesInEach; file++) writeFileSync(join(directory, `f${file}`), '');
  }
  writeFileSync(join(mount!.source, 'file'), 'x');
  return mount!.source;
}

test.serial('calls are answered while a tree is deleted and another is measured and committed', async (t) => {
  const { containerd, removed } = await serve(t);
  for (const key of ['old', 'new']) await prepareLarge(containerd, key);
  await containerd.prepare('other', '');
  const working = new Set(['deleting', 'measuring']);
  let answered = 0;
  await Promise.all([
    containerd
      .remove('old')
      .then(() => containerd.cleanup())
      .then(() => working.delete('deleting')),
    containerd
      .usage('new')
      .then((usage) => t.is(usage.inodes, inodes))
      .then(() => containerd.commit('new layer', 'new'))
      .then(() => working.delete('measuring')),
    (async () => {
      for (; working.size > 0; answered += 1) await containerd.stat('other');
    })(),
  ]);
  t.true(answered >= 10, `${answered} calls were answered`);
  t.deepEqual(removed(), []);
});

test.serial(
  'a commit does not wait for the measurement of its usage; usage and sync provide it',
  async (t) => {
    const { containerd, service, root } = await serve(t);
    await prepareLarge(containerd, 'key');
    await containerd.commit('name', 'key');
    const usage = await containerd.usage('name');
    t.is(usage.inodes, inodes);
    t.true(usage.size > 0);
    await service.store.sync();
    const { inodes: known, bytes } = await service.store.df();
    t.deepEqual({ size: bytes, inodes: known }, usage);
    const other = await storeAt(t, root);
    t.deepEqual((await other.list())[0]!.usage, usage);
  },
);

test.serial('usage that a dead server has not measured is measured by others', async (t) => {
  const { containerd, root } = await serve(t, { durability: 'sync' });
  await prepareLarge(containerd, 'key');
  await containerd.commit('name', 'key');
  const other = await storeAt(t, root, { client: 'containerd' });
  t.is((await other.usage('name')).inodes, inodes);
  t.is((await other.list())[0]!.usage!.inodes, inodes);
  await other.sync();
  t.is((await other.df()).inodes, inodes);
  await other.remove('name');
  t.deepEqual(await other.list(), []);
});

test.serial('a server that is ended leaves what is not deleted yet to a cleanup', async (t) => {
  const { containerd, service, root, removed } = await serve(t);
  for (const key of ['one', 'two']) await prepareLarge(containerd, key);
  for (const key of ['one', 'two']) await containerd.remove(key);
  await containerd.close();
  await service.close();
  const store = await storeAt(t, root);
  t.deepEqual(await store.list(), []);
  await store.cleanup();
  t.deepEqual(removed(), []);
});

rootTest.serial('a failed deletion is reported, and cleanup fails until the deletion succeeds', async (t) => {
  let tell = (_: unknown) => {};
  const told = new Promise((resolve) => {
    tell = resolve;
  });
  const { containerd, removed } = await serve(t, { eraseFailed: (error) => tell(error) });
  const [mount] = await containerd.prepare('key', '');
  mkdirSync(join(mount!.source, 'mounted'));
  execFileSync('mount', ['-t', 'tmpfs', 'none', join(mount!.source, 'mounted')]);
  await containerd.remove('key');
  const mounted = join(dirname(mount!.source), '../../removed', removed()[0]!, 'fs/mounted');
  t.teardown(() => spawnSync('umount', ['-l', mounted]));
  const busy = /removing .*: resource busy or locked \(EBUSY\)/;
  t.regex(String(await told), busy);
  await t.throwsAsync(containerd.cleanup(), { message: busy });
  execFileSync('umount', [mounted]);
  await containerd.cleanup();
  t.deepEqual(removed(), []);
});
