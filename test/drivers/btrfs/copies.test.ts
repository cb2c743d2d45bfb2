/** A bundle of the btrfs driver has its changes in its own directory: a copy shares nothing with the original. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { buildImage } from '../../helpers/image.js';
import { onBtrfs } from './bundle.js';
import { btrfs, subvolumes } from './loop.js';

const config = { hooksFile: null } as const;

/** Returns a bundle `b` with a new file, `precious`; null and skips the test where btrfs is unavailable. */
async function changedBundle(t: ExecutionContext<unknown>) {
  const mountpoint = btrfs(t);
  if (!mountpoint) return null;
  const bundles = onBtrfs(mountpoint);
  const image = buildImage(t, [[{ name: 'base', content: 'base' }]]).reference;
  await bundles.unpack(image, 'b');
  writeFileSync(bundles.at('b', 'precious'), 'precious');
  return { mountpoint, bundles, image };
}

test('removing a copy, however it was made, leaves the subvolume of the original', async (t) => {
  const changed = await changedBundle(t);
  if (!changed) return;
  const { mountpoint, bundles, image } = changed;
  const before = subvolumes(mountpoint);
  const path = (name: string) => join(mountpoint, name);
  const copies: [string, (from: string, to: string) => unknown][] = [
    ['plain', (from, to) => execFileSync('cp', ['-a', from, to])],
    ['reflinked', (from, to) => execFileSync('cp', ['-a', '--reflink=always', from, to])],
    ['snapshot', (from, to) => execFileSync('btrfs', ['subvolume', 'snapshot', from, to])],
    ['link', (from, to) => symlinkSync(from, to)],
  ];
  for (const [name, copyRootfs] of copies) {
    mkdirSync(path(name));
    for (const file of ['umoci.json', 'layerhook.json', 'config.json'])
      execFileSync('cp', ['-a', join(path('b'), file), path(name)]);
    copyRootfs(join(path('b'), 'rootfs'), join(path(name), 'rootfs'));
    // nothing tells what is changed in it: it is not a snapshot of a layer
    await t.throwsAsync(bundles.repack(image, name), { code: 'DELTA_UNAVAILABLE' }, name);
    await removeBundle({ bundle: path(name), ...config });
    t.false(existsSync(path(name)));
    t.deepEqual(subvolumes(mountpoint), before, name);
    t.is(readFileSync(bundles.at('b', 'precious'), 'utf8'), 'precious');
  }
  t.like(await bundles.repack(image, 'b'), { changes: 2 });
});

test('a bundle that is moved stays itself, also when its original place has a copy', async (t) => {
  const changed = await changedBundle(t);
  if (!changed) return;
  const { mountpoint, bundles, image } = changed;
  renameSync(join(mountpoint, 'b'), join(mountpoint, 'moved'));
  execFileSync('cp', ['-a', join(mountpoint, 'moved'), join(mountpoint, 'b')]);
  await t.throwsAsync(bundles.repack(image, 'b'), { code: 'DELTA_UNAVAILABLE' });
  await removeBundle({ bundle: join(mountpoint, 'b'), ...config });
  t.like(await bundles.repack(image, 'moved'), { changes: 2 });
  await removeBundle({ bundle: join(mountpoint, 'moved'), ...config });
  t.false(subvolumes(mountpoint).some((name) => name.endsWith('rootfs')));
});
