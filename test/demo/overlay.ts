import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLayerhookError, removeBundle, repack, unpack } from 'layerhook';
import { openStore } from 'layerhook/store';
import { heading, line, row, showBytes, timed } from './show.js';

/**
 * The same image by the overlay driver: each layer is in a store once, and a bundle is a mount.
 *
 * @param layout an image layout with a tag `changed`
 * @param dir where store and bundles go; nothing of them is left
 */
export async function overlayIt(layout: string, dir: string): Promise<void> {
  heading('With the overlay driver: a store holds each layer once');
  const store = join(dir, 'store');
  const [one, two, three] = ['one', 'two', 'three'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const unpackTo = (bundle: string, tag: string) =>
    unpack({ image: `${layout}:${tag}`, bundle, driver: 'overlay', store });
  try {
    await timed('unpack into the store', () => unpackTo(one, 'changed'));
  } catch (error) {
    if (!isLayerhookError(error, 'MOUNT_FAILED')) throw error;
    line(`overlays cannot be mounted here: ${error.message}`);
    return;
  }
  const { layers, skipped } = await timed('unpack a second bundle', () => unpackTo(two, 'changed'));
  row('second bundle', `${skipped} of ${layers} layers were there already, nothing was extracted`);
  compareBundles(one, two);
  const { changes, layer } = await timed('repack what changed', () =>
    repack({ image: `${layout}:overlaid`, bundle: one, refreshBundle: true }),
  );
  row(
    'repack',
    `${changes} changed ${changes === 1 ? 'path' : 'paths'}, a layer of ${showBytes(layer?.size ?? 0)}`,
  );
  const again = await repack({ image: `${layout}:overlaid`, bundle: one });
  row(
    'repack again',
    again.layer === null ? 'the bundle was refreshed: nothing has changed' : 'found changes!',
  );
  const third = await timed('unpack the new image', () => unpackTo(three, 'overlaid'));
  row('new image', `${third.skipped} of ${third.layers} layers were there already, the new one too`);
  for (const bundle of [one, two, three]) await removeBundle({ bundle });
  await freeAll(store);
}

function compareBundles(one: string, two: string): void {
  const file = join('rootfs', 'etc/motd');
  appendFileSync(join(one, file), 'Only in one bundle.\n');
  const lines = (bundle: string) => readFileSync(join(bundle, file), 'utf8').trimEnd().split('\n').length;
  row('/etc/motd', `has ${lines(one)} lines in one bundle now, ${lines(two)} in the other`);
}

async function freeAll(root: string): Promise<void> {
  const store = await openStore({ root });
  try {
    const { removed, bytes } = await store.gc();
    row('garbage', `no bundle is left: ${removed.length} layers of ${showBytes(bytes)} freed`);
  } finally {
    await store.close();
  }
}
