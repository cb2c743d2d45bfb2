import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { mainFile } from '../helpers/cli.js';
import { largeImage } from '../helpers/large.js';
import { peakMemory } from '../helpers/peak.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

const limit = 300 * 2 ** 20;

test('unpack of a layer of 3 GiB, and repack of a file of 512 MiB, stay under 300 MB of memory', async (t) => {
  if (!requires(t, 'root', 'python3')) return;
  const dir = tmpdir(t);
  const [layout, bundle] = [join(dir, 'layout'), join(dir, 'bundle')];
  await largeImage(layout, 3);
  const unpack = peakMemory(process.execPath, [mainFile, 'unpack', '--image', `${layout}:large`, bundle]);
  t.true(unpack < limit, `unpack took ${Math.round(unpack / 2 ** 20)} MiB`);
  for (const name of ['large-0', 'large-1']) rmSync(join(bundle, 'rootfs', name));
  const changed = join(bundle, 'rootfs/large-2');
  rmSync(changed);
  // random data, since compressed data is what memory would hold
  peakMemory('dd', ['if=/dev/urandom', `of=${changed}`, 'bs=1M', 'count=512', 'status=none']);
  const repack = peakMemory(process.execPath, [mainFile, 'repack', '--image', `${layout}:new`, bundle]);
  t.true(repack < limit, `repack took ${Math.round(repack / 2 ** 20)} MiB`);
});
