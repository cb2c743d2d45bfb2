/** The main job on a real Debian: what the btrfs driver makes is what the copy driver makes. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { repack, unpack } from '../../../src/index.js';
import { applyChanges } from '../../e2e/changes.js';
import { run, succeed } from '../../helpers/cli.js';
import { copyLayout, debian } from '../../helpers/debian.js';
import { entriesOf } from '../../helpers/layer.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';
import { inSeconds, onBtrfs } from './bundle.js';
import { btrfs, kept, subvolumes } from './loop.js';

const size = 2 ** 31;

test('Debian: the tree, the layer of many changes, and what others make of it are as with the copy driver', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'umoci', 'setfattr', 'mknod', 'python3')) return;
  const mountpoint = btrfs(t, { size });
  if (!mountpoint) return;
  const dir = tmpdir(t);
  const layout = copyLayout(t, image.layout);
  const bundles = onBtrfs(mountpoint);
  await bundles.unpack(`${layout}:changed`, 'bundle');
  await unpack({ image: `${layout}:changed`, bundle: join(dir, 'copy'), hooksFile: null });
  const copied = join(dir, 'copy/rootfs');
  t.deepEqual(diffTrees(bundles.tree('bundle'), treeOf(copied)), []);

  applyChanges(bundles.at('bundle', '.'));
  applyChanges(copied);
  const ours = await bundles.repack(`${layout}:btrfs`, 'bundle', { refreshBundle: true });
  const theirs = await repack({ image: `${layout}:copy`, bundle: join(dir, 'copy'), hooksFile: null });
  const [entries, expected] = [ours, theirs].map(({ layer }) =>
    entriesOf(join(layout, 'blobs', layer!.digest.replace(':', '/'))).map(({ mtime: _, ...entry }) => entry),
  );
  t.deepEqual(entries, expected);

  await succeed(t, run('umoci', ['unpack', '--image', `${layout}:btrfs`, join(dir, 'umoci')]));
  const changed = inSeconds(bundles.tree('bundle'));
  t.deepEqual(diffTrees(changed, inSeconds(treeOf(join(dir, 'umoci/rootfs')))), [], 'umoci');
  const again = await bundles.unpack(`${layout}:btrfs`, 'again');
  t.is(again.skipped, 3);
  t.deepEqual(diffTrees(changed, inSeconds(bundles.tree('again'))), [], 'from the store');
});

test('Debian: a second bundle extracts nothing, and knows nothing of the first; removed bundles leave nothing', async (t) => {
  const image = debian(t);
  const mountpoint = image && btrfs(t, { size });
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  const first = await bundles.unpack(`${image.layout}:changed`, 'first');
  t.deepEqual([first.layers, first.skipped], [2, 0]);
  const unpacked = bundles.tree('first');
  writeFileSync(bundles.at('first', 'etc/motd'), 'first');
  rmSync(bundles.at('first', 'usr/bin'), { recursive: true });
  const second = await bundles.unpack(`${image.layout}:changed`, 'second');
  t.deepEqual([second.layers, second.skipped, second.bytes], [2, 2, 0]);
  t.deepEqual(diffTrees(bundles.tree('second'), unpacked), []);
  const base = await bundles.unpack(`${image.layout}:base`, 'base');
  t.is(base.skipped, 1, 'a shorter chain is there too');
  // as a container may: a container engine inside it that uses btrfs
  mkdirSync(bundles.at('second', 'var/lib/engine'));
  await succeed(t, run('btrfs', ['subvolume', 'create', bundles.at('second', 'var/lib/engine/nested')]));
  await succeed(
    t,
    run('btrfs', ['subvolume', 'create', bundles.at('second', 'var/lib/engine/nested/deeper')]),
  );
  for (const name of ['first', 'second', 'base']) {
    await bundles.remove(name);
    t.false(existsSync(bundles.at(name, '.')));
  }
  const layers = kept(bundles.store).map((name) => `store/btrfs/${name}`);
  t.is(layers.length, 2);
  t.deepEqual(subvolumes(mountpoint), layers.sort());
});
