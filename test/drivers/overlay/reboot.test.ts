import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { lostBundles } from '../../../src/engine/bundle/collect.js';
import { listBundles } from '../../../src/engine/bundle/list.js';
import { mountBundle, unmountBundle } from '../../../src/engine/bundle/mount.js';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { Directories } from '../../../src/store/context/directories.js';
import { openStore } from '../../../src/store/index.js';
import { Database } from '../../../src/store/metadata/database.js';
import { contents, putContent } from '../../../src/store/metadata/records.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { type Bundles, overlayBundles } from './bundles.js';

const options = { hooksFile: null };

/** What a machine is after a reboot before which nothing was flushed: no mounts, and layers of another boot. */
async function reboot(here: Bundles): Promise<void> {
  await unmountBundle({ bundle: here.bundle(), ...options });
  const db = new Database(new Directories(here.store).database);
  db.write((writer) => {
    for (const [id, record] of [...contents(writer)]) putContent(writer, id, { ...record, boot: 'before' });
  });
  await db.close();
}

async function changedBundle(t: ExecutionContext): Promise<Bundles> {
  const image = buildImage(t, [
    [{ name: 'file', content: Buffer.from('of the layer') }],
    [{ name: 'other' }],
  ]);
  const here = overlayBundles(t, image.layout);
  await here.unpack(image.tag);
  writeFileSync(join(here.rootfs(), 'change'), 'mine');
  return here;
}

rootTest('a bundle comes back after a reboot, if its layers are unchanged', async (t) => {
  const here = await changedBundle(t);
  await reboot(here);
  t.false(existsSync(join(here.rootfs(), 'change')));
  await mountBundle({ bundle: here.bundle(), ...options });
  t.is(readFileSync(join(here.rootfs(), 'change'), 'utf8'), 'mine');
  t.is(readFileSync(join(here.rootfs(), 'file'), 'utf8'), 'of the layer');
});

rootTest('a layer whose mtree a power loss has emptied is damaged', async (t) => {
  const here = await changedBundle(t);
  await reboot(here);
  const directories = new Directories(here.store);
  for (const id of directories.contents())
    if (existsSync(directories.mtree(id))) writeFileSync(directories.mtree(id), '');
  await t.throwsAsync(mountBundle({ bundle: here.bundle(), ...options }), { code: 'STORE_DAMAGED' });
});

rootTest('with a layer that was lost it does not, until the layer was extracted again', async (t) => {
  const here = await changedBundle(t);
  await reboot(here);
  const directories = new Directories(here.store);
  const db = new Database(directories.database);
  const ids = db.read((reader) => [...contents(reader)].map(([id]) => id));
  await db.close();
  const lost = ids.map((id) => join(directories.fs(id), 'file')).find((file) => existsSync(file))!;
  writeFileSync(lost, Buffer.alloc(12));
  await t.throwsAsync(mountBundle({ bundle: here.bundle(), ...options }), { code: 'STORE_DAMAGED' });
  t.false(existsSync(join(here.rootfs(), 'file')));

  t.is((await here.unpack('latest', 'again')).skipped, 1);
  await mountBundle({ bundle: here.bundle(), ...options });
  t.is(readFileSync(join(here.rootfs(), 'file'), 'utf8'), 'of the layer');
  t.is(readFileSync(join(here.rootfs(), 'change'), 'utf8'), 'mine');
});

rootTest('with changes that were lost it does not: it is damaged, and can be removed', async (t) => {
  const here = await changedBundle(t);
  const upperdir = here.upperdir();
  await reboot(here);
  rmSync(dirname(upperdir), { recursive: true });
  const bundle = here.bundle();
  const refused = { code: 'BUNDLE_DAMAGED', message: /its changes .* are lost: its directory is missing/ };
  await t.throwsAsync(mountBundle({ bundle, ...options }), refused);
  await t.throwsAsync(mountBundle({ bundle, claim: true, ...options }), refused);
  await t.throwsAsync(here.repack('new'), refused);
  await t.throwsAsync(here.repack('new', 'bundle', { refreshBundle: true }), refused);
  const states = async () => (await listBundles({ store: here.store, ...options })).map(({ state }) => state);
  t.deepEqual(await states(), ['damaged']);
  const store = await openStore({ root: here.store });
  t.deepEqual(await lostBundles(store), [], 'a garbage collection leaves it');
  await store.close();
  await removeBundle({ bundle, ...options });
  t.deepEqual(await states(), []);
  t.false(existsSync(bundle));
});
