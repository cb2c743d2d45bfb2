/** What a containerd gets besides a Snapshotter: layers of other clients, parallel unpack, mapped owners. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { connectSnapshotter, type ServeOptions, serveSnapshotter } from '../../src/snapshotter/index.js';
import { openStore } from '../../src/store/index.js';
import { preciseTime } from '../../src/store/precise-date.js';
import type { Info, Snapshotter, Store } from '../../src/store/types.js';
import { fromText } from '../../src/system/bytes.js';
import { preciseNow } from '../../src/system/clock.js';
import { AT_FDCWD, mknodat, S } from '../../src/system/files.js';
import { setXattr } from '../../src/system/xattr.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { commitFile, extractFile, layer, nothingBelow } from '../store/helpers.js';

const REF = 'containerd.io/snapshot.ref';

interface Served {
  containerd: Snapshotter;
  /** the command line's */
  store: Store;
  root: string;
}

async function serve(t: ExecutionContext<unknown>, options: Partial<ServeOptions> = {}): Promise<Served> {
  const dir = mkdtempSync(join(tmpdir(t), 'served-'));
  const root = join(dir, 'store');
  const address = join(dir, 'socket');
  const service = await serveSnapshotter({ root, address, ...options });
  const containerd = connectSnapshotter(address);
  const store = await openStore({ root });
  t.teardown(async () => {
    await containerd.close();
    await service.close();
    await store.close();
  });
  return { containerd, store, root };
}

/** What containerd looks for when a prepare was answered with AlreadyExists. */
async function found(containerd: Snapshotter, chainID: string, parent: string): Promise<Info[]> {
  const infos: Info[] = [];
  const filter = `labels."${REF}"==${chainID},parent=="${parent}"`;
  for await (const info of containerd.walk([filter])) infos.push(info);
  return infos;
}

/** Prepares a layer and fills it, as containerd extracts it. @returns its directory */
async function extracted(
  containerd: Snapshotter,
  key: string,
  fill: (directory: string) => void,
): Promise<string> {
  const [mount] = await containerd.prepare(key, '');
  const upperdir = mount!.options.find((option) => option.startsWith('upperdir='))!.slice('upperdir='.length);
  fill(upperdir);
  return upperdir;
}

const a = layer('a');
const b = layer('b');

test('a layer that another client has is there: containerd finds it by its label and parent', async (t) => {
  const { containerd, store } = await serve(t);
  await extractFile(store, a);
  await extractFile(store, b, a.chainID);
  const prepare = (key: string, parent: string, chainID: string) =>
    containerd.prepare(key, parent, { labels: { [REF]: chainID } });
  await t.throwsAsync(prepare('ns/1/extract-1 a', '', a.chainID), { code: 'SNAPSHOT_EXISTS' });
  const [below, ...others] = await found(containerd, a.chainID, '');
  t.deepEqual([below!.name, below!.kind, others.length], [`ns/1/${a.chainID}`, 'committed', 0]);
  await t.throwsAsync(prepare('ns/2/extract-2 b', below!.name, b.chainID), { code: 'SNAPSHOT_EXISTS' });
  t.is((await found(containerd, b.chainID, below!.name)).length, 1);
  // asked again, it answers by what it has already
  await t.throwsAsync(prepare('ns/3/extract-3 a', '', a.chainID), { code: 'SNAPSHOT_EXISTS' });
  t.is((await found(containerd, a.chainID, '')).length, 1);
  const [view] = await containerd.view('ns/4/view', below!.name);
  t.deepEqual(readdirSync(view!.source), ['file']);
});

test('a layer that containerd removes stays for other clients, and the reverse', async (t) => {
  const { containerd, store } = await serve(t);
  await extractFile(store, a);
  await containerd.prepare('ns/1/extract-1 a', '', { labels: { [REF]: a.chainID } }).catch(() => {});
  await containerd.remove(`ns/1/${a.chainID}`);
  await containerd.cleanup();
  t.true(await store.find(a, '', nothingBelow));
  await containerd.prepare('ns/2/extract-2 a', '', { labels: { [REF]: a.chainID } }).catch(() => {});
  await store.remove(a.chainID);
  await store.cleanup();
  t.is((await found(containerd, a.chainID, '')).length, 1);
});

test('other clients find a layer that containerd committed with the label', async (t) => {
  const { containerd, store } = await serve(t);
  const [mount] = await containerd.prepare('ns/1/extract-1 a', '', { labels: { [REF]: a.chainID } });
  writeFileSync(join(mount!.source, 'file'), 'x');
  await containerd.commit('ns/2/a', 'ns/1/extract-1 a', { labels: { [REF]: a.chainID } });
  t.true(await store.find(a, '', nothingBelow));
});

rootTest('layers with mapped owners are not hits, stored or requested', async (t) => {
  const { containerd, store } = await serve(t);
  await extractFile(store, a);
  const labels = {
    [REF]: a.chainID,
    'containerd.io/snapshot/uidmapping': '0:1000:10,10:5000:10',
    'containerd.io/snapshot/gidmapping': '0:2000:20',
  };
  const [mount] = await containerd.prepare('ns/1/extract-1 a', '', { labels });
  t.deepEqual(mount!.options.slice(0, 2), ['uidmap=0:1000:10,10:5000:10', 'gidmap=0:2000:20']);
  const { uid, gid } = lstatSync(mount!.source);
  t.deepEqual([uid, gid], [1000, 2000]);
  t.deepEqual(await containerd.mounts('ns/1/extract-1 a'), [mount!]);
  await containerd.commit('ns/2/a', 'ns/1/extract-1 a', { labels });
  const layers = (await store.list()).filter((content) => content.layer !== undefined);
  t.is(layers.length, 1, 'not the one with mapped owners');
});

test('a map without a root is refused, and leaves nothing', async (t) => {
  const { containerd } = await serve(t);
  for (const map of ['1:1000:10', '0:1000', '0:4294967295:1', '0:1:0']) {
    const labels = { 'containerd.io/snapshot/uidmapping': map };
    await t.throwsAsync(containerd.prepare('key', '', { labels }), { code: 'SNAPSHOT_ARGUMENT' }, map);
  }
  await t.throwsAsync(containerd.stat('key'), { code: 'SNAPSHOT_NOT_FOUND' });
});

test('parallel unpack: a hit is staged by a read-only mount, held, and gets its parent at commit', async (t) => {
  const { containerd, store } = await serve(t, { parallelUnpack: true, stagedLayers: true });
  await extractFile(store, a);
  await extractFile(store, b, a.chainID);
  const key = 'ns/1/extract-1 b';
  const labels = { [REF]: b.chainID };
  const [mount] = await containerd.prepare(key, '', { labels });
  t.true(mount!.options.includes('ro'));
  t.deepEqual(readdirSync(mount!.source), ['file']);
  t.deepEqual(await containerd.mounts(key), [mount!]);
  const names: string[] = [];
  for await (const { name } of containerd.walk()) names.push(name);
  t.deepEqual(names, [key]);
  // the staged snapshot keeps the layer
  for (const name of [b.chainID, a.chainID]) await store.remove(name);
  await commitFile(store, 'other');
  await containerd.prepare('ns/2/extract-2 a', '');
  await containerd.commit('ns/2/a', 'ns/2/extract-2 a', { labels: { [REF]: a.chainID } });
  await containerd.commit('ns/3/b', key, { labels, parent: 'ns/2/a' });
  const info = await containerd.stat('ns/3/b');
  t.deepEqual([info.kind, info.parent, info.labels[REF]], ['committed', 'ns/2/a', b.chainID]);
  await t.throwsAsync(containerd.stat(key), { code: 'SNAPSHOT_NOT_FOUND' });
  await containerd.remove('ns/3/b');
  await containerd.remove('ns/2/a');
  t.deepEqual((await store.list()).length, 1, 'other');
});

test('parallel unpack: a removed staged snapshot no longer holds its layer', async (t) => {
  const { containerd, store } = await serve(t, { parallelUnpack: true, stagedLayers: true });
  await extractFile(store, a);
  await containerd.prepare('ns/1/extract-1 a', '', { labels: { [REF]: a.chainID } });
  await store.remove(a.chainID);
  t.is((await store.list()).length, 2);
  await containerd.remove('ns/1/extract-1 a');
  t.deepEqual(await store.list(), []);
});

rootTest(
  'parallel unpack: a layer without its parent is extracted into an upperdir, so that whiteouts are kept',
  async (t) => {
    const parallel = await serve(t, { parallelUnpack: true });
    const [mount] = await parallel.containerd.prepare('ns/1/extract-1 a', '', {
      labels: { [REF]: a.chainID },
    });
    t.is(mount!.type, 'overlay');
    t.true(mount!.options.some((option) => option.startsWith('upperdir=')));
    t.false(mount!.options.some((option) => option.startsWith('lowerdir=')));
    t.deepEqual(await parallel.containerd.mounts('ns/1/extract-1 a'), [mount!]);
    const [plain] = await parallel.containerd.prepare('ns/2/a container', '');
    t.is(plain!.type, 'bind');
    const sequential = await serve(t);
    const [bind] = await sequential.containerd.prepare('ns/1/extract-1 a', '', {
      labels: { [REF]: a.chainID },
    });
    t.is(bind!.type, 'bind');
  },
);

rootTest(
  'parallel unpack before containerd 2.4: only the lowest layer is a hit, what is there besides is not kept twice',
  async (t) => {
    const { containerd, store, root } = await serve(t, { parallelUnpack: true });
    const lowest = { ...a, chainID: a.diffID };
    await extractFile(store, lowest);
    await extractFile(store, b, lowest.chainID);
    await t.throwsAsync(containerd.prepare('ns/1/extract-1 a', '', { labels: { [REF]: lowest.chainID } }), {
      code: 'SNAPSHOT_EXISTS',
    });
    const [below] = await found(containerd, lowest.chainID, '');
    const labels = { [REF]: b.chainID };
    const [mount] = await containerd.prepare('ns/2/extract-2 b', '', { labels });
    t.false(mount!.options.includes('ro'));
    t.is(readdirSync(join(root, 'snapshots')).length, 3);
    await containerd.commit('ns/3/b', 'ns/2/extract-2 b', { labels, parent: below!.name });
    t.is(readdirSync(join(root, 'snapshots')).length, 2);
    const { kind, parent } = await containerd.stat('ns/3/b');
    t.deepEqual([kind, parent], ['committed', below!.name]);
    await t.throwsAsync(containerd.stat('ns/2/extract-2 b'), { code: 'SNAPSHOT_NOT_FOUND' });
    t.is((await store.list()).filter(({ names }) => names.length === 2).length, 2);
  },
);

test('parallel unpack: a layer that containerd extracted as the lowest is a hit', async (t) => {
  const { containerd } = await serve(t, { parallelUnpack: true });
  const labels = { [REF]: a.chainID };
  await containerd.prepare('ns/1/extract-1 a', '', { labels });
  await containerd.commit('ns/2/a', 'ns/1/extract-1 a', { labels });
  await t.throwsAsync(containerd.prepare('other/3/extract-2 a', '', { labels }), { code: 'SNAPSHOT_EXISTS' });
  await containerd.prepare('ns/4/extract-3 b', '', { labels: { [REF]: b.chainID } });
  await containerd.commit('ns/5/b', 'ns/4/extract-3 b', { labels: { [REF]: b.chainID }, parent: 'ns/2/a' });
  const [mount] = await containerd.prepare('other/6/extract-4 b', '', { labels: { [REF]: b.chainID } });
  t.false(mount!.options.includes('ro'), 'not the lowest');
});

rootTest(
  'parallel unpack: directories that a layer does not list are at commit what they are below',
  async (t) => {
    const { containerd, store } = await serve(t, { parallelUnpack: true });
    const below = await extracted(containerd, 'ns/1/extract-1 a', (fs) => {
      chmodSync(fs, 0o711);
      for (const name of ['both', 'both/in', 'hidden', 'opaque', 'opaque/in', 'listed', 'replaced']) {
        mkdirSync(join(fs, name));
        chownSync(join(fs, name), 7, 8);
        chmodSync(join(fs, name), 0o2750);
      }
      utimesSync(join(fs, 'both'), 1e9, 1e9);
    });
    await containerd.commit('ns/2/a', 'ns/1/extract-1 a');
    await extracted(containerd, 'ns/3/extract-2 b', (fs) => {
      mkdirSync(join(fs, 'both/in/deep'), { recursive: true });
      mkdirSync(join(fs, 'new'));
      mkdirSync(join(fs, 'opaque/in'), { recursive: true });
      setXattr(fromText(join(fs, 'opaque')), 'trusted.overlay.opaque', Buffer.from('y'));
      mkdirSync(join(fs, 'listed'));
      utimesSync(join(fs, 'listed'), 1e9, 1e9);
      mknodat(AT_FDCWD, fromText(join(fs, 'hidden')), S.IFCHR);
      writeFileSync(join(fs, 'replaced'), '');
    });
    await containerd.commit('ns/4/b', 'ns/3/extract-2 b', { parent: 'ns/2/a' });
    const upper = await extracted(containerd, 'ns/5/extract-3 c', (fs) => {
      for (const name of ['both', 'hidden', 'opaque/in', 'listed', 'replaced']) {
        mkdirSync(join(fs, name, 'x'), { recursive: true });
      }
      symlinkSync('/etc', join(fs, 'link'));
    });
    await containerd.commit('ns/6/c', 'ns/5/extract-3 c', { parent: 'ns/4/b' });
    t.is(lstatSync(below).mode & 0o7777, 0o711);
    const shown = ['.', 'both', 'both/x', 'hidden', 'opaque', 'opaque/in', 'listed', 'replaced'].map(
      (name) => {
        const { mode, uid, gid } = lstatSync(join(upper, name));
        return `${name} ${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
      },
    );
    t.deepEqual(shown, [
      '. 711 0:0',
      'both 2750 7:8',
      'both/x 755 0:0',
      'hidden 755 0:0',
      'opaque 2750 7:8',
      'opaque/in 755 0:0',
      'listed 755 0:0',
      'replaced 755 0:0',
    ]);
    t.is(lstatSync(join(upper, 'both')).mtimeMs, 1e12);
    t.is((await store.list()).length, 3);
  },
);

test('one server a client and address', async (t) => {
  const dir = tmpdir(t);
  const root = join(dir, 'store');
  const socket = (name: string) => join(dir, name);
  const first = await serveSnapshotter({ root, address: socket('1') });
  const refused = { code: 'LISTEN' };
  await t.throwsAsync(serveSnapshotter({ root, address: socket('2') }), refused, 'same client');
  await t.throwsAsync(
    serveSnapshotter({ root, address: socket('1'), client: 'other' }),
    refused,
    'same address',
  );
  const other = await serveSnapshotter({ root, address: socket('2'), client: 'other' });
  t.is(lstatSync(socket('1')).mode & 0o777, 0o600);
  await first.close();
  await other.close();
  const again = await serveSnapshotter({ root, address: socket('1') });
  await again.close();
});

test('a file in place of the socket is left alone', async (t) => {
  const dir = tmpdir(t);
  const address = join(dir, 'file');
  writeFileSync(address, 'precious');
  await t.throwsAsync(serveSnapshotter({ root: join(dir, 'store'), address }), { code: 'LISTEN' });
  t.is(lstatSync(address).size, 8);
  await t.throwsAsync(serveSnapshotter({ root: join(dir, 'store'), address: join(dir, 'none/s') }), {
    code: 'LISTEN',
  });
});

test('closing deletes nothing, and flushes commits to disk', async (t) => {
  const dir = tmpdir(t);
  const options = { root: join(dir, 'store'), address: join(dir, 'socket') };
  const service = await serveSnapshotter(options);
  const client = connectSnapshotter(options.address);
  await client.prepare('key', '');
  await client.commit('name', 'key');
  await client.prepare('active', 'name');
  await client.close();
  await service.close();
  const store = await openStore({ root: options.root, client: 'containerd' });
  t.teardown(() => store.close());
  const contents = await store.list();
  t.deepEqual(contents.map(({ names }) => names[0]!.name).sort(), ['active', 'name']);
  t.true(contents.find(({ usage }) => usage)!.flushed);
});

test('a server with connected clients ends, and their next request fails', async (t) => {
  const dir = tmpdir(t);
  const options = { root: join(dir, 'store'), address: join(dir, 'socket') };
  const service = await serveSnapshotter(options);
  const client = connectSnapshotter(options.address);
  t.teardown(() => client.close());
  await client.prepare('key', '');
  await service.close();
  await t.throwsAsync(client.stat('key'), { code: 'SYSTEM' });
  const again = await serveSnapshotter(options);
  await again.close();
});

test('times are more precise than milliseconds: containerd compares them with its own', async (t) => {
  const { containerd } = await serve(t);
  const before = preciseNow();
  await containerd.prepare('key', '');
  const between = preciseNow();
  await containerd.update({ name: 'key', labels: {} });
  const after = preciseNow();
  const { created, updated } = await containerd.stat('key');
  const times = [before, preciseTime(created), between, preciseTime(updated), after];
  t.deepEqual(
    times.toSorted((x, y) => x - y),
    times,
  );
  t.false(times.every(Number.isInteger));
});

test('a snapshot whose directory is gone does not stop the server: it is listed and can be removed', async (t) => {
  const { containerd, store, root } = await serve(t);
  const [mount] = await containerd.prepare('key', '');
  await containerd.commit('name', 'key');
  rmSync(join(mount!.source, '..'), { recursive: true });
  t.is((await containerd.stat('name')).kind, 'committed');
  await containerd.remove('name');
  t.deepEqual(await store.list(), []);
  t.deepEqual(readdirSync(join(root, 'snapshots')), []);
});

test('a client without a server gets a typed error', async (t) => {
  const client = connectSnapshotter(join(tmpdir(t), 'nobody'));
  const error = await t.throwsAsync(client.stat('x'));
  t.true(isLayerhookError(error, 'SYSTEM'));
  await client.close();
});
