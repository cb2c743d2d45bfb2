/** EROFS images as layers of a store. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountAll, unmountAll } from '../../src/overlay/index.js';
import { Directories } from '../../src/store/context/directories.js';
import { Database } from '../../src/store/metadata/database.js';
import { contents, putContent } from '../../src/store/metadata/records.js';
import { fromText } from '../../src/system/bytes.js';
import { mountsBelow } from '../../src/system/mountinfo.js';
import { file } from '../../src/testing/entries.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { layer, signal, storeAt } from './helpers.js';
import { commitImage, extractAs } from './images.js';

rootTest('500 layers are mounted, shown by one overlay, and unmounted', async (t) => {
  const [root, target] = [join(tmpdir(t), 'store'), tmpdir(t)];
  const store = await storeAt(t, root);
  let parent = '';
  for (let at = 0; at < 500; at++) {
    const wanted = layer(String(at));
    const extraction = (await store.extract(wanted, parent, { signal }))!;
    await commitImage(extraction, [file(`f${at}`, String(at))], { parent, dependencies: [] });
    parent = store.nameOf(wanted);
  }
  await mountAll(await store.prepare('bundle', parent), target);
  t.teardown(() => unmountAll(target).catch(() => {}));
  t.is(mountsBelow(fromText(root)).length, 500);
  t.is(readdirSync(target).length, 500);
  for (const at of [0, 250, 499]) t.is(readFileSync(join(target, `f${at}`), 'utf8'), String(at));
  await store.close();
  t.is(mountsBelow(fromText(root)).length, 500, 'the overlay stands on them');
  await unmountAll(target);
  const later = await storeAt(t, root);
  await later.unmountUnused();
  t.deepEqual(mountsBelow(fromText(root)), []);
});

rootTest('an image whose fs-verity digest is another one is not mounted', async (t) => {
  const root = join(tmpdir(t), 'store');
  const before = await storeAt(t, root);
  await extractAs('image', before, layer('a'));
  await before.close();
  const db = new Database(new Directories(root).database);
  db.write((writer) => {
    for (const [id, record] of [...contents(writer)])
      putContent(writer, id, { ...record, erofs: { ...record.erofs!, verity: 'ab'.repeat(32) } });
  });
  db.close();
  const store = await storeAt(t, root);
  const refused = { code: 'SNAPSHOT_BROKEN', message: /the fs-verity digest of its image differs/ };
  await t.throwsAsync(store.prepare('bundle', store.nameOf(layer('a'))), refused);
  t.deepEqual(mountsBelow(fromText(root)), []);
});
