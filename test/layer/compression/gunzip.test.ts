import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { createDecompressor } from '../../../src/layer/compression/index.js';
import { requires } from '../../helpers/requires.js';
import { refusal, sample, through } from './helpers.js';

const gunzip = async (bytes: Uint8Array, chunk?: number) =>
  through(await createDecompressor('gzip', 'sha256:x'), bytes, chunk);

const large = sample(3_000_000);
const small = Buffer.from('a small member');

/** A gzip header with every optional field. */
function decorated(content: Buffer): Buffer {
  const plain = gzipSync(content);
  const header = Buffer.from([0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3]);
  const fields = [
    Buffer.from([3, 0]),
    Buffer.from('abc'),
    Buffer.from('name\0comment\0'),
    Buffer.from([0, 0]),
  ];
  return Buffer.concat([header, ...fields, plain.subarray(10)]);
}

test('one member, however it is cut', async (t) => {
  for (const cut of [1, 7, 10, 100, 1 << 20])
    t.true((await gunzip(gzipSync(small), cut)).equals(small), `${cut}`);
  for (const cut of [1000, 65536, 1 << 22])
    t.true((await gunzip(gzipSync(large), cut)).equals(large), `${cut}`);
});

test('an empty member', async (t) => {
  t.is((await gunzip(gzipSync(''))).length, 0);
});

test('several members are one stream', async (t) => {
  const bytes = Buffer.concat([
    gzipSync(small),
    gzipSync(''),
    decorated(small),
    gzipSync(large),
    gzipSync(small),
  ]);
  const content = Buffer.concat([small, small, large, small]);
  for (const cut of [97, 4096, 1 << 20]) t.true((await gunzip(bytes, cut)).equals(content), `${cut}`);
});

test('thousands of small members, as in eStargz, are no thousands of streams', async (t) => {
  const bytes = Buffer.concat(
    Array.from({ length: 9000 }, (_, i) => gzipSync(`file ${1000 + i}`, { level: 1 })),
  );
  const before = process.cpuUsage();
  t.is((await gunzip(bytes, 192 * 1024)).length, 9000 * 9);
  const { user, system } = process.cpuUsage(before);
  t.true(user + system < 2_000_000, `${user + system} microseconds`);
});

test('a member that is small but inflates to much is no shortcut to much memory', async (t) => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  t.is((await gunzip(Buffer.concat([gzipSync(small), bomb]), 1 << 20)).length, 50_000_000 + small.length);
});

test('what follows the last member is ignored, zeros or not, and nothing of the content is lost', async (t) => {
  for (const tail of [
    '\0',
    '\0'.repeat(1000),
    'garbage',
    '\x1f',
    '\x1f\x8b',
    '\x1f\x8b\x09junk',
    `\0\0${gzipSync(small)}`,
  ]) {
    const bytes = Buffer.concat([gzipSync(large), Buffer.from(tail, 'latin1')]);
    for (const cut of [4096, 1 << 22]) t.true((await gunzip(bytes, cut)).equals(large), JSON.stringify(tail));
  }
});

test('a stream that is cut off is an error, wherever the cut is', async (t) => {
  const bytes = decorated(small);
  for (let length = 0; length < bytes.length; length++) {
    t.is(
      await refusal(gunzip(bytes.subarray(0, length), 5)),
      'COMPRESSION_CORRUPT: it ends too early',
      `${length}`,
    );
  }
});

test('a second member that is cut off is an error too', async (t) => {
  const bytes = Buffer.concat([gzipSync(small), gzipSync(large).subarray(0, -1)]);
  t.is(await refusal(gunzip(bytes)), 'COMPRESSION_CORRUPT: it ends too early');
  const header = Buffer.concat([gzipSync(small), gzipSync(small).subarray(0, 5)]);
  t.is(await refusal(gunzip(header)), 'COMPRESSION_CORRUPT: it ends too early');
});

test('corrupt streams are errors that say why', async (t) => {
  const spoil = (at: number, value: number) => {
    const bytes = gzipSync(large);
    bytes[at < 0 ? bytes.length + at : at] = value;
    return refusal(gunzip(bytes));
  };
  t.is(await spoil(0, 0x1e), 'COMPRESSION_CORRUPT: it has no gzip header');
  t.is(await spoil(2, 7), 'COMPRESSION_CORRUPT: it has no gzip header');
  t.is(await spoil(3, 0x20), 'COMPRESSION_CORRUPT: it has no gzip header');
  t.is(await spoil(10, 0x07), 'COMPRESSION_CORRUPT: invalid block type');
  t.is(await spoil(-5, gzipSync(large).at(-5)! ^ 1), 'COMPRESSION_CORRUPT: its checksum is wrong');
  t.is(await spoil(-1, gzipSync(large).at(-1)! ^ 1), 'COMPRESSION_CORRUPT: its length is wrong');
  t.is(await refusal(gunzip(large)), 'COMPRESSION_CORRUPT: it has no gzip header');
});

test('a header without end is refused before it fills the memory', async (t) => {
  const bytes = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]),
    Buffer.alloc(1 << 20, 'n'),
  ]);
  t.is(await refusal(gunzip(bytes, 4096)), 'COMPRESSION_CORRUPT: its header has no end');
});

test("gzip(1)'s own output", async (t) => {
  if (!requires(t, 'gzip')) return;
  for (const level of ['-1', '-9']) {
    t.true((await gunzip(execFileSync('gzip', [level], { input: large }))).equals(large));
  }
});
