/** Layers that containerd has extracted, kept as EROFS images. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { verifyLayer } from '../../src/engine/verify-layer.js';
import { mountAll, unmountAll } from '../../src/overlay/index.js';
import { isAtLeast } from '../../src/snapshotter/containerd-version.js';
import { connectSnapshotter, ErofsLayers, serveSnapshotter } from '../../src/snapshotter/index.js';
import { openStore } from '../../src/store/index.js';
import type { LayerIdentity, Snapshotter, Store } from '../../src/store/types.js';
import { fromText } from '../../src/system/bytes.js';
import { AT_FDCWD, mknodat, S } from '../../src/system/files.js';
import { isMountPoint } from '../../src/system/mount.js';
import { setXattr } from '../../src/system/xattr.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { layer, nothingBelow } from '../store/helpers.js';

const REF = 'containerd.io/snapshot.ref';
const a = layer('a');
const b = layer('b');

interface Served {
  containerd: Snapshotter;
  /** the command line's */
  store: Store;
  root: string;
  close(): Promise<void>;
}

async function serve(t: ExecutionContext<unknown>, root: string, options = {}): Promise<Served> {
  const address = join(tmpdir(t), 'socket');
  const service = await serveSnapshotter({ root, address, asImage: async () => true, ...options });
  const containerd = connectSnapshotter(address);
  const store = await openStore({ root });
  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= (async () => {
      await containerd.close();
      await service.close();
      await store.close();
    })());
  t.teardown(close);
  return { containerd, store, root, close };
}

/** Extracts a layer as containerd does. */
async function extract(
  { containerd }: Served,
  { chainID }: LayerIdentity,
  parent: string,
  fill: (directory: string) => void,
  { parentAtCommit = '' } = {},
): Promise<string> {
  const key = `ns/1/extract-1 ${chainID}`;
  const [mount] = await containerd.prepare(key, parent, { labels: { [REF]: chainID } });
  const upperdir = mount!.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length);
  fill(upperdir ?? mount!.source);
  const name = `ns/1/${chainID}`;
  await containerd.commit(name, key, { labels: { [REF]: chainID }, parent: parentAtCommit });
  return name;
}

const fillLower = (directory: string) => {
  for (const name of ['kept', 'deleted', 'hidden/old']) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), name);
  }
};

const fillUpper = (directory: string) => {
  mknodat(AT_FDCWD, fromText(join(directory, 'deleted')), S.IFCHR, 0, 0);
  mkdirSync(join(directory, 'hidden'));
  setXattr(fromText(join(directory, 'hidden')), 'trusted.overlay.opaque', Buffer.from('y'));
  writeFileSync(join(directory, 'hidden/new'), 'new');
};

/** Mounts a snapshot by what the server answers, and lists its files. */
async function filesOf(t: ExecutionContext<unknown>, { containerd }: Served, key: string): Promise<string[]> {
  const target = tmpdir(t);
  await mountAll(await containerd.mounts(key), target);
  try {
    return readdirSync(target, { recursive: true, encoding: 'utf8' }).sort();
  } finally {
    await unmountAll(target);
  }
}

for (const parallelUnpack of [false, true]) {
  const how = parallelUnpack ? 'parallel unpack' : 'one layer after the other';
  rootTest(`committed layers are images, and containers and views of them mount: ${how}`, async (t) => {
    const served = await serve(t, join(tmpdir(t), 'store'), { parallelUnpack });
    const { containerd, root } = served;
    const lower = await extract(served, a, '', fillLower);
    const upper = parallelUnpack
      ? await extract(served, b, '', fillUpper, { parentAtCommit: lower })
      : await extract(served, b, lower, fillUpper);
    const contents = await served.store.list();
    t.deepEqual(
      contents.map(({ erofs }) => erofs?.from),
      ['directory', 'directory'],
    );
    for (const { id } of contents) t.true(existsSync(join(root, 'snapshots', id, 'layer.erofs')));
    await containerd.prepare('ns/2/container', upper);
    t.deepEqual(await filesOf(t, served, 'ns/2/container'), ['hidden', 'hidden/new', 'kept']);
    await containerd.view('ns/3/view', lower);
    t.deepEqual(await filesOf(t, served, 'ns/3/view'), ['deleted', 'hidden', 'hidden/old', 'kept']);
    t.is((await containerd.usage(lower)).inodes, 2, 'the image and its mount point');
    for (const key of ['ns/2/container', 'ns/3/view', upper, lower]) await containerd.remove(key);
    await containerd.cleanup();
    t.deepEqual(readdirSync(join(root, 'snapshots')), [], 'nothing stays, and nothing is mounted');
  });
}

rootTest('after a restart the images are mounted again, and the command line uses the layers', async (t) => {
  const root = join(tmpdir(t), 'store');
  const first = await serve(t, root);
  const lower = await extract(first, a, '', fillLower);
  await first.containerd.prepare('ns/2/container', lower);
  const { id } = (await first.store.list()).find(({ erofs }) => erofs)!;
  t.true(isMountPoint(fromText(join(root, 'snapshots', id, 'fs'))));
  await first.close();
  t.false(isMountPoint(fromText(join(root, 'snapshots', id, 'fs'))));
  const second = await serve(t, root);
  t.deepEqual(await filesOf(t, second, 'ns/2/container'), ['deleted', 'hidden', 'hidden/old', 'kept']);
  t.true(await second.store.find(a, '', nothingBelow));
  t.is(readFileSync(join(await second.store.directory(second.store.nameOf(a)), 'kept'), 'utf8'), 'kept');
});

rootTest(
  'a kill after a commit leaves files below the mount point: the next mount removes them',
  async (t) => {
    const root = join(tmpdir(t), 'store');
    const served = await serve(t, root);
    const lower = await extract(served, a, '', fillLower);
    const { id } = (await served.store.list())[0]!;
    const fs = join(root, 'snapshots', id, 'fs');
    t.deepEqual(readdirSync(fs), []);
    const left = mkdtempSync(join(tmpdir(t), 'left-'));
    fillLower(left);
    cpSync(left, fs, { recursive: true });
    await served.containerd.prepare('ns/2/container', lower);
    t.true(isMountPoint(fromText(fs)));
    await served.containerd.remove('ns/2/container');
    await served.close();
    t.deepEqual(readdirSync(fs), []);
  },
);

rootTest('a damaged image is found, and a snapshot that no image can hold stays a directory', async (t) => {
  const refused: string[] = [];
  const served = await serve(t, join(tmpdir(t), 'store'), {
    notAnImage: (name: string) => refused.push(name),
  });
  await extract(served, a, '', fillLower);
  const content = (await served.store.list())[0]!;
  t.deepEqual(await verifyLayer(content), []);
  const bytes = readFileSync(content.erofs!.image);
  bytes[bytes.indexOf('deleted')]! ^= 1;
  writeFileSync(content.erofs!.image, bytes);
  t.is((await verifyLayer(content))?.length, 1);
  const large = (directory: string) => {
    for (let i = 0; i < 5; i++) setXattr(fromText(directory), `trusted.${i}`, Buffer.alloc(60_000));
  };
  const name = await extract(served, b, '', large);
  t.deepEqual(refused, [name]);
  t.is((await served.store.list()).filter(({ erofs }) => erofs).length, 1);
  t.is((await served.containerd.stat(name)).kind, 'committed');
});

test('versions of containerd', (t) => {
  for (const version of ['v2.1.0', '2.1.4~ds1', 'v2.10.0-rc.1', '3.0.0', '2.4.0-beta+unknown'])
    t.true(isAtLeast(version, 2, 1), version);
  for (const version of ['1.6.20~ds1', 'v2.0.5', '1.7.0', '', 'unknown', '2'])
    t.false(isAtLeast(version, 2, 1), version);
});

test('without an answer of containerd, or of the kernel, layers stay directories, with one warning', async (t) => {
  const warnings: string[] = [];
  const warn = (reason: string) => warnings.push(reason);
  const containerd = join(tmpdir(t), 'nothing.sock');
  const layers = new ErofsLayers({ containerd, whyNot: async () => null, warn });
  await layers.begin();
  t.deepEqual([await layers.isUsed(), await layers.isUsed()], [false, false]);
  t.deepEqual(warnings, [`no containerd answers at ${containerd}`]);
});
