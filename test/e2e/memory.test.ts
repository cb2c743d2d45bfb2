import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { mainFile } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { largeImage } from '../helpers/large.js';
import { peakMemory } from '../helpers/peak.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tar } from '../helpers/tar.js';
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

rootTest('unpack of 300,000 hardlinks to a later entry stays under 260 MiB of memory', (t) => {
  if (!requires(t, 'python3')) return;
  const names = Array.from({ length: 300_000 }, (_, at) => String(at).padStart(7, '0'));
  const links = names.map((name) =>
    tar([{ name, type: 'hardlink', linkname: `target-${name.slice(0, 3)}` }], { trailer: false }),
  );
  const targets = [...new Set(names.map((name) => `target-${name.slice(0, 3)}`))].map((name) => ({ name }));
  const { reference } = buildImage(t, [Buffer.concat([...links, tar(targets)])]);
  const dir = tmpdir(t);
  const args = ['unpack', '--driver', 'overlay', '--store', join(dir, 'store'), '--image', reference];
  const bundle = join(dir, 'bundle');
  const unpack = peakMemory(process.execPath, [mainFile, ...args, bundle]);
  execFileSync(process.execPath, [mainFile, 'bundle', 'rm', bundle]);
  t.true(unpack < 260 * 2 ** 20, `unpack took ${Math.round(unpack / 2 ** 20)} MiB`);
});
