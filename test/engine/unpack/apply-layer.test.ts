import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { applyLayer } from '../../../src/index.js';
import { buildImage } from '../../helpers/image.js';
import { tmpdir } from '../../helpers/tmp.js';

const map = { uidMappings: [], gidMappings: [], rootless: process.getuid?.() !== 0 };

test('one layer is applied on top of existing files, and verified', async (t) => {
  const target = tmpdir(t);
  for (const name of ['gone', 'kept', 'changed']) writeFileSync(join(target, name), name);
  mkdirSync(join(target, 'real'));
  const { layout, manifest, config, blob } = buildImage(t, [
    [{ name: '.wh.gone' }, { name: 'changed', content: 'new' }, { name: 'real/in', content: '' }],
  ]);
  const descriptor = manifest.layers[0]!;
  const diffID = config.rootfs.diff_ids[0]!;
  const options = { layout, descriptor, diffID, target, map, signal: new AbortController().signal };
  const applied = await applyLayer(options);
  t.deepEqual([applied.diffID, applied.entries], [diffID, 3]);
  t.deepEqual(readdirSync(target), ['changed', 'kept', 'real']);
  t.is(readFileSync(join(target, 'changed'), 'utf8'), 'new');

  await t.throwsAsync(applyLayer({ ...options, diffID: `sha256:${'0'.repeat(64)}` }), { code: 'DIFF_ID' });
  writeFileSync(blob(descriptor.digest), 'something else');
  await t.throwsAsync(applyLayer(options), { code: 'BLOB_SIZE' });
});

test('an abort signal stops the extraction', async (t) => {
  const { layout, manifest, config } = buildImage(t, [[{ name: 'file', content: 'x' }]]);
  const [descriptor, diffID] = [manifest.layers[0]!, config.rootfs.diff_ids[0]!];
  const options = { layout, descriptor, diffID, target: tmpdir(t), map, signal: AbortSignal.abort() };
  await t.throwsAsync(applyLayer(options), { code: 'ABORTED' });
});
