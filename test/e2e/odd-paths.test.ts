/** Paths that mount options, mountinfo, unit files and shells treat specially, and that are nearly as long as a path can be. */
import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mountBundle, unmountBundle } from '../../src/engine/bundle/mount.js';
import { removeBundle } from '../../src/engine/bundle/remove.js';
import { repack, unpack, unpackRootfs } from '../../src/index.js';
import { unmountTree } from '../../src/overlay/mount.js';
import { openStore } from '../../src/store.js';
import { file } from '../../src/testing/entries.js';
import { btrfs } from '../drivers/btrfs/loop.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { stopped } from '../hooks/archive/setup.js';
import { sh } from '../overlay/mounted.js';

const odd = 'co:lon, com,ma, new\nline, back\\slash, "quote", octal \\040, \x1b[1m, ü';
const long = Array.from({ length: 19 }, () => 'x'.repeat(200)).join('/');

/** Unpacks, repacks, unmounts, mounts and removes a bundle. */
async function comeAndGo(
  t: ExecutionContext<unknown>,
  { driver, bundle, store }: { driver: string; bundle: string; store: string },
): Promise<void> {
  const { layout, reference } = buildImage(t, [[file('a', 'a')], [file('b', 'b')]]);
  const options = { bundle, store, hooksFile: null };
  await unpack({ ...options, driver, image: reference });
  writeFileSync(join(bundle, 'rootfs/a'), 'changed');
  await repack({ ...options, image: `${layout}:new`, refreshBundle: true });
  await unmountBundle(options);
  await mountBundle(options);
  t.is(readFileSync(join(bundle, 'rootfs/a'), 'utf8'), 'changed');
  const { changes } = await repack({ ...options, image: `${layout}:same` });
  t.is(changes, 0);
  await removeBundle(options);
  t.false(existsSync(bundle));
}

for (const driver of ['copy', 'overlay', 'erofs'])
  for (const [what, path, name] of [
    ['odd characters', odd, odd],
    ['3,800 bytes', long, 'b'],
    ['a name of 255 bytes', 'd', `${'ü'.repeat(127)}n`],
  ] as const)
    rootTest(`a bundle and a store at a path with ${what}, ${driver}`, async (t) => {
      const dir = tmpdir(t);
      t.teardown(() => unmountTree(dir));
      const below = join(dir, path);
      mkdirSync(below, { recursive: true });
      // the files of a store have longer paths than the store
      const store = join(what === '3,800 bytes' ? dir : below, 'store');
      await comeAndGo(t, { driver, bundle: join(below, name), store });
      if (driver === 'copy') return;
      const opened = await openStore({ root: store });
      t.deepEqual(await opened.bundles.list(), []);
      t.is((await opened.gc()).removed.length, 3);
      await opened.close();
    });

rootTest('a bundle and a store of the btrfs driver at paths of 3,800 bytes', async (t) => {
  const mountpoint = btrfs(t);
  if (mountpoint === null) return;
  const below = join(mountpoint, long);
  mkdirSync(below, { recursive: true });
  await comeAndGo(t, { driver: 'btrfs', bundle: join(below, 'b'), store: join(below, 'store') });
});

for (const method of ['copy', 'tar'])
  rootTest(`archive_overlay writes a ${method} and its success file at a path of 4,095 bytes`, (t) => {
    const box = stopped(t, (at) => writeFileSync(at('a'), 'a'));
    sh(box.merged, 'mkdir d; echo new > d/new');
    const rest = 4095 - Buffer.byteLength(join(box.out, long)) - '//'.length;
    const below = join(box.out, long, 'd'.repeat(rest - 100));
    const [data, success] = [join(below, 'x'.repeat(100)), join(below, 'y'.repeat(100))];
    t.is(Buffer.byteLength(data), 4095);
    const wanted = { 'mount-point': '/data', 'archive-to': data, method, success };
    const { status, log } = box.stop({ data: wanted });
    t.is(status, 0, log);
    t.true(lstatSync(data).size > 0);
    t.is(lstatSync(success).size, 0);
  });

rootTest('a rootfs without a bundle at a path with odd characters', async (t) => {
  const { reference: image } = buildImage(t, [[file('a', 'a')]]);
  const rootfs = join(tmpdir(t), odd);
  await unpackRootfs({ image, rootfs });
  t.is(readFileSync(join(rootfs, 'a'), 'utf8'), 'a');
});
