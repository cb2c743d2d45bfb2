import { existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { holdBundle } from '../../../src/engine/bundle/hold.js';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { repack } from '../../../src/engine/repack/repack.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { file } from '../../../src/testing/entries.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

async function unpacked(t: ExecutionContext<unknown>) {
  const { layout, reference } = buildImage(t, [[file('a', 'a')]]);
  const bundle = join(tmpdir(t), 'b');
  await unpack({ image: reference, bundle, hooksFile: null });
  return { bundle, hooksFile: null, image: `${layout}:new` };
}

const busy = { code: 'BUNDLE_BUSY' };

rootTest('a refresh removes what killed commands left unfinished in the bundle', async (t) => {
  const options = await unpacked(t);
  const before = readdirSync(options.bundle).filter((name) => !name.endsWith('.mtree'));
  const hex = '0123456789ab';
  const left = [`umoci.json.${hex}.tmp`, `layerhook.index.${hex}.tmp`, `layerhook.entries-0-${hex}`];
  left.push(`sha256_${'0'.repeat(64)}.mtree.${hex}.tmp`);
  for (const name of [...left, `of the user.${hex}.tmp`]) writeFileSync(join(options.bundle, name), '');
  await repack(options);
  for (const name of left) t.true(existsSync(join(options.bundle, name)), 'a plain repack leaves the bundle');
  await repack({ ...options, refreshBundle: true });
  const after = readdirSync(options.bundle).filter((name) => !name.endsWith('.mtree'));
  t.deepEqual(after.sort(), [...before, `of the user.${hex}.tmp`].sort());
});

rootTest('a refresh removes the mtrees of other images, which a killed refresh left', async (t) => {
  const options = await unpacked(t);
  const mtrees = () => readdirSync(options.bundle).filter((name) => name.endsWith('.mtree'));
  writeFileSync(join(options.bundle, `sha256_${'0'.repeat(64)}.mtree`), '');
  const { manifest } = await repack({ ...options, refreshBundle: true });
  t.deepEqual(mtrees(), [`${manifest.digest.replace(':', '_')}.mtree`]);
});

rootTest('no command removes or refreshes a bundle that another one repacks', async (t) => {
  const options = await unpacked(t);
  const hold = holdBundle(options.bundle, false);
  await t.throwsAsync(removeBundle(options), busy);
  await t.throwsAsync(repack({ ...options, refreshBundle: true }), busy);
  await repack(options);
  hold.release();
  const refresh = holdBundle(options.bundle, true);
  await t.throwsAsync(repack(options), busy);
  refresh.release();
  await repack({ ...options, refreshBundle: true });
  await removeBundle(options);
  t.false(existsSync(options.bundle));
});

test('a bundle is held by any of its names', async (t) => {
  const dir = tmpdir(t);
  symlinkSync(tmpdir(t), join(dir, 'link'));
  const hold = holdBundle(join(dir, 'link'), true);
  t.throws(() => holdBundle(join(dir, 'link'), false), { code: 'BUNDLE_BUSY' });
  hold.release();
  t.throws(() => holdBundle(join(dir, 'missing'), false), { code: 'FILE_NOT_FOUND' });
});
