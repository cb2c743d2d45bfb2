/** Paths that mount options, mountinfo, unit files and shells treat specially, and that are nearly as long as a path can be. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountBundle, unmountBundle } from '../../src/engine/bundle/mount.js';
import { removeBundle } from '../../src/engine/bundle/remove.js';
import { repack, unpack, unpackRootfs } from '../../src/index.js';
import { unmountTree } from '../../src/overlay/mount.js';
import { openStore } from '../../src/store.js';
import { file } from '../../src/testing/entries.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const odd = 'co:lon, com,ma, new\nline, back\\slash, "quote", octal \\040, \x1b[1m, ü';
const long = Array.from({ length: 19 }, () => 'x'.repeat(200)).join('/');

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
      const { layout, reference } = buildImage(t, [[file('a', 'a')], [file('b', 'b')]]);
      const bundle = join(below, name);
      // the files of a store have longer paths than the store
      const store = join(what === '3,800 bytes' ? dir : below, 'store');
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
      if (driver === 'copy') return;
      const opened = await openStore({ root: store });
      t.deepEqual(await opened.bundles.list(), []);
      t.is((await opened.gc()).removed.length, 3);
      await opened.close();
    });

rootTest('a rootfs without a bundle at a path with odd characters', async (t) => {
  const { reference: image } = buildImage(t, [[file('a', 'a')]]);
  const rootfs = join(tmpdir(t), odd);
  await unpackRootfs({ image, rootfs });
  t.is(readFileSync(join(rootfs, 'a'), 'utf8'), 'a');
});
