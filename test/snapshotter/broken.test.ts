/** What a containerd sees of snapshots that are broken: the server starts, shows them, and refuses only them. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  connectSnapshotter,
  type ServeOptions,
  type SnapshotService,
  serveSnapshotter,
} from '../../src/snapshotter/index.js';
import { openStore } from '../../src/store/index.js';
import { openStoreAt } from '../../src/store/open.js';
import type { Info, Snapshotter, Store, UntrustedSnapshot } from '../../src/store/types.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';
import { commitFile, extractFile, layer } from '../store/helpers.js';

const REF = 'containerd.io/snapshot.ref';
const BROKEN = 'layerhook/broken';
const client = 'containerd';

/** The command line's store, with what `fill` does to containerd's as a server that has ended has left it. */
async function left(
  t: ExecutionContext,
  fill: (store: Store) => Promise<void>,
  boot?: string,
): Promise<{ root: string; store: Store }> {
  const root = join(tmpdir(t), 'store');
  const before = boot ? await openStoreAt({ root, client }, boot) : await openStore({ root, client });
  await fill(before);
  await before.close();
  const store = await openStore({ root });
  t.teardown(() => store.close());
  return { root, store };
}

async function serve(
  t: ExecutionContext,
  root: string,
  options: Partial<ServeOptions> = {},
): Promise<{ containerd: Snapshotter; service: SnapshotService; reported: UntrustedSnapshot[] }> {
  const reported: UntrustedSnapshot[] = [];
  const address = join(dirname(root), `socket-${Math.random()}`);
  const service = await serveSnapshotter({
    root,
    address,
    untrusted: (snapshot) => reported.push(snapshot),
    ...options,
  });
  const containerd = connectSnapshotter(address);
  t.teardown(async () => {
    await containerd.close();
    await service.close();
  });
  return { containerd, service, reported };
}

async function walk(containerd: Snapshotter, ...filters: string[]): Promise<Info[]> {
  const found: Info[] = [];
  for await (const info of containerd.walk(filters)) found.push(info);
  return found;
}

/** `ns/1/a`, `ns/2/b` on top of it, and `ns/3/whole`. */
async function threeLayers(store: Store): Promise<void> {
  await commitFile(store, 'ns/1/a');
  await commitFile(store, 'ns/2/b', 'ns/1/a');
  await commitFile(store, 'ns/3/whole');
}

async function removeDirectory(store: Store, name: string): Promise<void> {
  rmSync(dirname(await store.directory(name)), { recursive: true });
}

test('a broken layer is reported at the start, labelled, refused with advice, and can be removed', async (t) => {
  const { root } = await left(t, async (store) => {
    await threeLayers(store);
    await removeDirectory(store, 'ns/1/a');
  });
  const { containerd, service, reported } = await serve(t, root);
  t.deepEqual(
    reported.map(({ name, why }) => [name, why]),
    [['ns/1/a', 'its directory is missing']],
  );
  t.is(await service.untrusted(), 1);
  t.is((await containerd.stat('ns/1/a')).labels[BROKEN], 'its directory is missing');
  t.deepEqual((await containerd.stat('ns/2/b')).labels, {});
  t.is((await walk(containerd)).length, 3);
  t.deepEqual(
    (await walk(containerd, `labels."${BROKEN}"`)).map(({ name }) => name),
    ['ns/1/a'],
  );
  const refused = {
    code: 'SNAPSHOT_PRECONDITION',
    message: /snapshot ns\/1\/a .* is missing; .* remove the image and pull it/,
  };
  await t.throwsAsync(containerd.prepare('ns/4/container', 'ns/2/b'), refused);
  await t.throwsAsync(containerd.view('ns/4/container', 'ns/1/a'), refused);
  await containerd.prepare('ns/4/container', 'ns/3/whole');
  await containerd.remove('ns/2/b');
  await containerd.remove('ns/1/a');
  await containerd.cleanup();
  t.is((await walk(containerd, `labels."${BROKEN}"`)).length, 0);
  t.is(reported.length, 1);
  t.is(await service.untrusted(), 0);
});

test('a layer that breaks during the service is reported at its first use, once', async (t) => {
  const { root, store } = await left(t, threeLayers);
  const { containerd, reported } = await serve(t, root);
  t.deepEqual(reported, []);
  const content = (await store.list()).find(({ names }) => names[0]!.name === 'ns/1/a')!;
  rmSync(dirname(content.directory), { recursive: true });
  await t.throwsAsync(containerd.prepare('ns/4/x', 'ns/2/b'));
  await t.throwsAsync(containerd.prepare('ns/4/x', 'ns/2/b'));
  t.deepEqual(
    reported.map(({ name }) => name),
    ['ns/1/a'],
  );
  t.is((await containerd.stat('ns/1/a')).labels[BROKEN], 'its directory is missing');
});

test('the label is never kept', async (t) => {
  const { root, store } = await left(t, async (store) => {
    await threeLayers(store);
    await removeDirectory(store, 'ns/3/whole');
  });
  const { containerd } = await serve(t, root);
  const { name, labels } = await containerd.stat('ns/3/whole');
  await containerd.update({ name, labels: { ...labels, mine: 'x' } });
  const own = await openStore({ root, client });
  t.teardown(() => own.close());
  t.deepEqual((await own.stat(name)).labels, { mine: 'x' });
  t.is((await store.list()).length, 3);
});

test('an image that is pulled again by another name heals broken layers, for all names', async (t) => {
  const labels = { [REF]: layer('a').chainID };
  const { root, store } = await left(t, async (store) => {
    await store.prepare('ns/1/extract-1 a', '', { labels });
    await store.commit('ns/1/a', 'ns/1/extract-1 a', { labels });
    await commitFile(store, 'ns/2/b', 'ns/1/a');
    await removeDirectory(store, 'ns/1/a');
  });
  const { containerd } = await serve(t, root);
  const [mount] = await containerd.prepare('other/3/extract-1 a', '', { labels });
  writeFileSync(join(mount!.source, 'file'), 'again');
  await containerd.commit('other/3/a', 'other/3/extract-1 a', { labels });
  t.is((await containerd.stat('ns/1/a')).labels[BROKEN], undefined);
  const [, view] = [await containerd.view('ns/4/b', 'ns/2/b'), await containerd.view('ns/5/a', 'ns/1/a')];
  t.true(existsSync(join(view[0]!.source, 'file')));
  t.true((await store.list()).every(({ trusted }) => trusted));
});

test('a layer that the command line extracts again heals what containerd has of it', async (t) => {
  const labels = { [REF]: layer('a').chainID };
  const { root, store } = await left(t, async (store) => {
    await store.prepare('ns/1/extract-1 a', '', { labels });
    await store.commit('ns/1/a', 'ns/1/extract-1 a', { labels });
    await removeDirectory(store, 'ns/1/a');
  });
  const { containerd } = await serve(t, root);
  await extractFile(store, layer('a'));
  t.deepEqual(await walk(containerd, `labels."${BROKEN}"`), []);
  await containerd.prepare('ns/2/container', 'ns/1/a');
});

test('a layer that was not flushed before the machine went down is refused without verification', async (t) => {
  const { root, store } = await left(t, threeLayers, 'boot before');
  const { containerd, reported } = await serve(t, root);
  t.deepEqual(
    reported.map(({ name }) => name),
    ['ns/1/a', 'ns/2/b', 'ns/3/whole'],
  );
  const refused = {
    code: 'SNAPSHOT_PRECONDITION',
    message: /not yet flushed to disk when the machine stopped/,
  };
  await t.throwsAsync(containerd.prepare('ns/4/x', 'ns/2/b'), refused);
  t.true((await store.list()).every(({ damaged }) => damaged === undefined));
});

test('an unflushed layer is verified at its first use', async (t) => {
  const { root, store } = await left(t, threeLayers, 'boot before');
  const asked: string[] = [];
  const { containerd } = await serve(t, root, {
    verify: async ({ names }) => {
      asked.push(names[0]!.name);
      return names[0]!.name === 'ns/3/whole' ? 5 : 0;
    },
  });
  const both = [containerd.prepare('ns/4/x', 'ns/2/b'), containerd.view('ns/4/y', 'ns/2/b')];
  await Promise.all(both);
  t.deepEqual(asked.sort(), ['ns/1/a', 'ns/2/b'], 'each once');
  await t.throwsAsync(containerd.prepare('ns/5/x', 'ns/3/whole'));
  await t.throwsAsync(containerd.prepare('ns/5/x', 'ns/3/whole'), { message: /damaged: 5 files differ/ });
  t.is(asked.length, 3);
  t.is((await store.list()).filter(({ trusted }) => !trusted).length, 1);
});

test('the next server flushes the commits of a killed one', async (t) => {
  const { root, store } = await left(t, threeLayers);
  t.true((await store.list()).every(({ flushed }) => !flushed));
  await serve(t, root);
  const areFlushed = async () => (await store.list()).every(({ flushed }) => flushed);
  await until('all commits are flushed', areFlushed, 50);
  t.is((await store.list()).length, 3);
});
