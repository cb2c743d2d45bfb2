import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import { deleteSubvolume } from '../../../drivers/btrfs/remove.js';
import { createSubvolume } from '../../../drivers/btrfs/subvolume.js';
import { declined } from '../../../src/index.js';
import { buildImage } from '../../helpers/image.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees } from '../../helpers/tree.js';
import { apply, edit } from '../../layer/generate/edits.js';
import { inSeconds, onBtrfs } from './bundle.js';
import { btrfs, kept, subvolumes } from './loop.js';

const layers: RawEntry[][] = [
  [
    { name: 'a/', type: 'dir' },
    { name: 'a/b', content: 'lower' },
    { name: 'a/file', content: 'x' },
    { name: 'link', type: 'symlink', linkname: 'a' },
  ],
  [{ name: 'a/b', content: 'upper' }, { name: 'a/.wh.file' }, { name: 'new', content: 'new' }],
];

test('any edits, repacked and refreshed again and again: the bundle knows what is packed, and the store has it', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint || !requires(t, 'python3')) return;
  const bundles = onBtrfs(mountpoint);
  let runs = 0;
  const edits = fc.array(edit, { minLength: 5, maxLength: 20, size: 'max' });
  const property = fc.asyncProperty(edits, edits, edits, async (...rounds) => {
    const run = runs++;
    const { layout } = buildImage(t, [
      [
        { name: 'a/', type: 'dir' },
        { name: 'b', content: `${run}` },
      ],
    ]);
    const bundle = `bundle-${run}`;
    await bundles.unpack(`${layout}:latest`, bundle);
    for (const [round, list] of rounds.entries()) {
      apply(bundles.at(bundle, '.'), list);
      await bundles.repack(`${layout}:next`, bundle, { refreshBundle: true });
      const nothing = await bundles.repack(`${layout}:nothing`, bundle, { history: false });
      t.deepEqual([nothing.changes, nothing.layer], [0, null]);
      const again = await bundles.unpack(`${layout}:next`, `${bundle}-${round}`);
      t.is(again.skipped, again.layers);
      const [packed, found] = [bundle, `${bundle}-${round}`].map((name) => inSeconds(bundles.tree(name)));
      t.deepEqual(diffTrees(packed!, found!), []);
    }
  });
  await fc.assert(property, { numRuns: 4 });
});

test('SOURCE_DATE_EPOCH changes the times of a refreshed rootfs: nothing is packed again', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint || !requires(t, 'python3')) return;
  const bundles = onBtrfs(mountpoint);
  const { layout } = buildImage(t, layers);
  await bundles.unpack(`${layout}:latest`, 'bundle');
  mkdirSync(bundles.at('bundle', 'made'));
  writeFileSync(bundles.at('bundle', 'made/file'), 'made');
  symlinkSync('file', bundles.at('bundle', 'made/link'));
  appendFileSync(bundles.at('bundle', 'a/b'), 'more');
  // a file that changes within a step of the clock before the repack keeps its time
  await wait(50);
  await bundles.repack(`${layout}:next`, 'bundle', { refreshBundle: true, sourceDateEpoch: 1_600_000_000 });
  t.is((await bundles.repack(`${layout}:nothing`, 'bundle')).changes, 0);
  await bundles.unpack(`${layout}:next`, 'again');
  t.deepEqual(diffTrees(inSeconds(bundles.tree('bundle')), inSeconds(bundles.tree('again'))), []);
});

test('a masked change is left out of the new layer, and found again after a refresh', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  const { layout } = buildImage(t, layers);
  await bundles.unpack(`${layout}:latest`, 'bundle');
  for (const name of ['a/kept', 'link/also', 'masked']) writeFileSync(bundles.at('bundle', name), name);
  await bundles.repack(`${layout}:next`, 'bundle', { refreshBundle: true, maskPaths: ['/masked'] });
  const again = await bundles.unpack(`${layout}:next`, 'again');
  t.is(again.skipped, 3);
  t.deepEqual(readdirSync(bundles.at('again', '.')), ['a', 'link', 'new']);
  t.deepEqual(readdirSync(bundles.at('again', 'a')), ['also', 'b', 'kept']);
  const second = await bundles.repack(`${layout}:second`, 'bundle');
  t.is(second.changes, 1);
});

test('cached data is flushed by a temporary snapshot, or without one', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  const { layout } = buildImage(t, layers);
  await bundles.unpack(`${layout}:latest`, 'bundle');
  appendFileSync(bundles.at('bundle', 'a/b'), 'more');
  t.like(await bundles.repack(`${layout}:one`, 'bundle'), { changes: 1 });
  const before = kept(bundles.store);
  t.deepEqual(
    before.filter((name) => !name.startsWith('sha256-')),
    [],
  );
  // a store that is not there to be written to
  const store = join(bundles.store, 'btrfs');
  execFileSync('mount', ['--bind', store, store]);
  execFileSync('mount', ['-o', 'remount,bind,ro', store]);
  try {
    appendFileSync(bundles.at('bundle', 'new'), 'more');
    t.like(await bundles.repack(`${layout}:two`, 'bundle'), { changes: 2 });
  } finally {
    execFileSync('umount', [store]);
  }
  execFileSync('mount', ['-o', 'remount,ro', mountpoint]);
  t.like(await bundles.repack(`${layout}:three`, 'bundle'), { changes: 2 });
  execFileSync('mount', ['-o', 'remount,rw', mountpoint]);
  t.deepEqual(kept(bundles.store), before);
});

test('without the layer in the store the manifest gives the changes; without both, repack fails', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  const { layout } = buildImage(t, layers);
  await bundles.unpack(`${layout}:latest`, 'with', { mtree: 'always' });
  await bundles.unpack(`${layout}:latest`, 'without');
  for (const name of kept(bundles.store)) deleteSubvolume(join(bundles.store, 'btrfs', name));
  writeFileSync(bundles.at('with', 'new'), 'changed');
  const { changes } = await bundles.repack(`${layout}:next`, 'with', { refreshBundle: true });
  t.is(changes, 1);
  await t.throwsAsync(bundles.repack(`${layout}:next`, 'without'), { code: 'DELTA_UNAVAILABLE' });
});

test('owners by a map, and links to directories that stay, make trees of their own', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  const image = buildImage(t, [
    layers[0]!,
    [
      { name: 'link/', type: 'dir' },
      { name: 'link/in', content: '' },
    ],
  ]);
  const map = (hostID: number) => {
    const ranges = [{ containerID: 0, hostID, size: 65536 }];
    return { map: { uidMappings: ranges, gidMappings: ranges, rootless: false } };
  };
  const choices = { plain: {}, one: map(1000), other: map(2000), links: { keepDirlinks: true } };
  for (const skipped of [0, 2]) {
    for (const [name, choice] of Object.entries(choices)) {
      const made = await bundles.unpack(image.reference, `${name}-${skipped}`, choice);
      t.is(made.skipped, skipped, name);
    }
  }
  const facts = Object.keys(choices).map((name) => {
    const tree = bundles.tree(`${name}-2`);
    return [tree.get('a/b')?.owner, tree.get('link')?.type, tree.has('a/in')];
  });
  t.deepEqual(facts, [
    ['0:0', 'dir', false],
    ['1000:1000', 'dir', false],
    ['2000:2000', 'dir', false],
    ['0:0', 'symlink', true],
  ]);
  writeFileSync(bundles.at('links-2', 'a/changed'), '');
  const repacked = await bundles.repack(`${image.layout}:next`, 'links-2', { refreshBundle: true });
  t.is(repacked.changes, 2);
  const again = await bundles.unpack(`${image.layout}:next`, 'links-again', { keepDirlinks: true });
  t.is(again.skipped, 3);
});

test('a hook that extracts a layer elsewhere has the bundle made without the store', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint || !requires(t, 'python3')) return;
  const bundles = onBtrfs(mountpoint);
  const image = buildImage(t, layers);
  const hooks = {
    'unpack.ociv1.layer.pre-extract': ({ index }: { index: number }) =>
      index === 0 ? { into: 'rootfs' as const } : declined,
  };
  await bundles.unpack(image.reference, 'hooked', { hooks: [{ name: 'tests', hooks }] });
  t.deepEqual(kept(bundles.store), []);
  await bundles.unpack(image.reference, 'plain');
  t.deepEqual(diffTrees(bundles.tree('hooked'), bundles.tree('plain')), []);
});

test('a store or a bundle that is not on one btrfs with the other is refused, with nothing left', async (t) => {
  const [mountpoint, second] = [btrfs(t), btrfs(t)];
  if (!mountpoint || !second) return;
  const elsewhere = tmpdir(t);
  const image = buildImage(t, layers);
  const cases: [store: string, bundle: string, message: RegExp][] = [
    [elsewhere, mountpoint, /cannot use store .*: it is on tmpfs, not on btrfs/],
    [mountpoint, elsewhere, /cannot use bundle .*: it is on tmpfs, not on the btrfs of the store /],
    [mountpoint, second, /cannot use bundle .*: it is on another btrfs/],
  ];
  for (const [store, place, message] of cases) {
    const driverOptions = { store: join(store, 'store') };
    const unpacking = onBtrfs(place).unpack(image.reference, 'bundle', { driverOptions });
    await t.throwsAsync(unpacking, { code: 'BTRFS_REQUIRED', message });
    t.deepEqual([...readdirSync(store), ...readdirSync(place)], []);
  }
});

test('options that the driver does not know, or that are wrong, are refused', async (t) => {
  const { default: btrfsDriver } = await import('../../../drivers/btrfs/index.js');
  for (const options of [{}, { store: 'x' }, { store: '/x', durability: 'y' }, { store: '/x', quota: 1 }])
    t.throws(() => btrfsDriver(options), { code: 'DRIVER_OPTION' });
});

test('a full filesystem ends the unpack, and nothing of it stays', async (t) => {
  const mountpoint = btrfs(t, { size: 128 * 2 ** 20 });
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  const content = Buffer.alloc(2 ** 27, Buffer.from([...Array(251).keys()]));
  const image = buildImage(t, [layers[0]!, [{ name: 'big', content }]]);
  await t.throwsAsync(bundles.unpack(image.reference, 'bundle'), { code: 'NO_SPACE' });
  t.deepEqual(readdirSync(mountpoint), ['store']);
  t.is(kept(bundles.store).length, 1, 'the layer below was whole');
  t.is(subvolumes(mountpoint).length, 1);
});

test('a bundle inside an existing directory, and a moved bundle', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  const { layout } = buildImage(t, layers);
  mkdirSync(join(mountpoint, 'there'));
  await bundles.unpack(`${layout}:latest`, 'there');
  renameSync(join(mountpoint, 'there'), join(mountpoint, 'moved'));
  rmSync(bundles.at('moved', 'new'));
  const { changes } = await bundles.repack(`${layout}:next`, 'moved');
  t.is(changes, 2);
});

test('a rootfs that stopped being a subvolume is not removed as one', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  mkdirSync(join(mountpoint, 'plain/rootfs'), { recursive: true });
  createSubvolume(join(mountpoint, 'subvolume'));
  mkdirSync(join(mountpoint, 'linked'));
  symlinkSync('../subvolume', join(mountpoint, 'linked/rootfs'));
  for (const bundle of ['plain', 'linked', 'nothing']) await bundles.remove(bundle);
  t.true(existsSync(join(mountpoint, 'plain/rootfs')));
  t.deepEqual(subvolumes(mountpoint), ['subvolume']);
});
