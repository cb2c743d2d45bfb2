import { execFileSync } from 'node:child_process';

import test from 'ava';
import { createCompressor, createDecompressor } from '../../../src/layer/compression/index.js';
import { findZstd, unzstd, type Zstd, zstdCompress } from '../../../src/layer/compression/zstd.js';
import { requires } from '../../helpers/requires.js';
import { refusal, sample, through } from './helpers.js';

/** What this machine has: node's zstd, libzstd, or both. */
const kinds = new Map<string, Zstd>();
for (const allowNode of [true, false]) {
  const found = await findZstd(allowNode).catch(() => undefined);
  if (found) kinds.set(found.node ? 'node' : 'libzstd', found);
}

const large = sample(3_000_000);
const small = Buffer.from('a small frame');
const skippable = Buffer.concat([
  Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 9, 0, 0, 0]),
  Buffer.from('skip this'),
]);

const compress = async (bytes: Uint8Array, zstd: Zstd, chunk?: number) =>
  through(await zstdCompress({ level: 3 }, zstd), bytes, chunk);
const decompress = async (bytes: Uint8Array, zstd: Zstd, chunk?: number) =>
  through(await unzstd('x', {}, zstd), bytes, chunk);

test('a zstd is installed', (t) => {
  t.true(kinds.size > 0);
});

for (const [kind, zstd] of kinds) {
  test(`${kind}: compressed data decompresses to the same`, async (t) => {
    for (const content of [Buffer.alloc(0), small, large]) {
      const bytes = await compress(content, zstd);
      for (const cut of [100, 1 << 22]) t.true((await decompress(bytes, zstd, cut)).equals(content));
    }
  });

  test(`${kind}: the bytes do not depend on how the content was cut`, async (t) => {
    const whole = await compress(large, zstd, 1 << 22);
    for (const cut of [1000, 131_072, 333_333])
      t.true((await compress(large, zstd, cut)).equals(whole), `${cut}`);
  });

  test(`${kind}: several frames, skippable ones among them, are one stream`, async (t) => {
    const [one, two] = [await compress(small, zstd), await compress(large, zstd)];
    const bytes = Buffer.concat([skippable, one, skippable, two, one, one, skippable]);
    const content = Buffer.concat([small, large, small, small]);
    for (const cut of [101, 4096, 1 << 22])
      t.true((await decompress(bytes, zstd, cut)).equals(content), `${cut}`);
  });

  test(`${kind}: a frame that inflates to much`, async (t) => {
    const bomb = await compress(Buffer.alloc(50_000_000), zstd);
    t.is((await decompress(Buffer.concat([bomb, bomb]), zstd)).length, 100_000_000);
  });

  test(`${kind}: a window above the limit says so, and the limit can be raised`, async (t) => {
    if (!requires(t, 'zstd')) return;
    // from a pipe: zstd does not know the size, and takes the whole window
    const packed = execFileSync('zstd', ['-q', '-1', '--long=28'], { input: large, maxBuffer: 2 ** 26 });
    await t.throwsAsync(decompress(packed, zstd), {
      code: 'LIMIT_EXCEEDED',
      message: /zstd.* layer x .*134217728 bytes, which --zstd-window raises/,
    });
    const raised = await unzstd('x', { zstdWindow: 2 ** 28 }, zstd);
    t.true((await through(raised, packed)).equals(large));
    const lowered = await unzstd('x', { zstdWindow: 2 ** 20 }, zstd);
    await t.throwsAsync(through(lowered, await compress(large, zstd)), { code: 'LIMIT_EXCEEDED' });
  });

  test(`${kind}: malformed and cut off streams are errors`, async (t) => {
    const bytes = await compress(large, zstd);
    for (const length of [0, 3, 100, bytes.length - 1]) {
      const refused = await refusal(decompress(bytes.subarray(0, length), zstd));
      // node 22 does not notice; the layer's digests do
      if (kind === 'node' && process.versions.node.startsWith('22.')) continue;
      t.regex(refused, /^COMPRESSION_CORRUPT/, `${length}`);
    }
    t.regex(await refusal(decompress(Buffer.from('not a zstd frame'), zstd)), /^COMPRESSION_CORRUPT/);
    t.regex(await refusal(decompress(Buffer.concat([bytes, small]), zstd)), /^COMPRESSION_CORRUPT/);
    bytes[bytes.length - 1]! ^= 1;
    t.regex(await refusal(decompress(bytes, zstd)), /^COMPRESSION_CORRUPT/);
  });
}

test('zstd(1) and layerhook read the output of each other', async (t) => {
  if (!requires(t, 'zstd')) return;
  const bytes = await through(await createCompressor('zstd'), large);
  execFileSync('zstd', ['-t', '-q'], { input: bytes });
  t.true(execFileSync('zstd', ['-dc'], { input: bytes, maxBuffer: 1 << 24 }).equals(large));
  for (const options of ['-1', '-19', '--long=27', '--no-check']) {
    const theirs = execFileSync('zstd', [options, '-c'], { input: large, maxBuffer: 1 << 24 });
    t.true((await through(await createDecompressor('zstd', 'x'), theirs)).equals(large), options);
  }
});
