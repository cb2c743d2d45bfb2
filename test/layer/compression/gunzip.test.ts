import { createHook } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { crc32, gzipSync } from 'node:zlib';
import test from 'ava';
import { isalGunzip } from '../../../src/layer/compression/gunzip-isal.js';
import { createDecompressor } from '../../../src/layer/compression/index.js';
import { requires } from '../../helpers/requires.js';
import { refusal, sample, through, throughBlocking } from './helpers.js';

const large = sample(3_000_000);
const small = Buffer.from('a small member');

/** A gzip header with every optional field. */
function decorated(content: Buffer): Buffer {
  const plain = gzipSync(content);
  const header = Buffer.from([0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3]);
  const fields = [Buffer.from([3, 0]), Buffer.from('abc'), Buffer.from('name\0comment\0')];
  const whole = Buffer.concat([header, ...fields]);
  const crc = Buffer.alloc(2);
  crc.writeUInt16LE(crc32(whole) & 0xffff);
  return Buffer.concat([whole, crc, plain.subarray(10)]);
}

type Gunzip = (bytes: Uint8Array, chunk?: number) => Promise<Buffer>;

/** node:zlib, and libisal2 where it is installed. Both must do the same. */
const kinds: Record<string, Gunzip> = {
  'node:zlib': async (bytes, chunk) => through(await createDecompressor('gzip', 'sha256:x'), bytes, chunk),
};
if (await isalGunzip('sha256:x'))
  kinds.libisal2 = async (bytes, chunk) => throughBlocking((await isalGunzip('sha256:x'))!, bytes, chunk);

test.serial('libisal2 is used where it is installed, unless node:zlib is wanted', async (t) => {
  if (!requires(t, 'libisal2')) return;
  t.is((await isalGunzip('sha256:x'))?.name, 'libisal2');
  process.env.LAYERHOOK_INFLATE = 'zlib';
  t.teardown(() => delete process.env.LAYERHOOK_INFLATE);
  t.is(await isalGunzip('sha256:x'), null);
});

/** Counts how often zlib's work in libuv's pool is awaited. With a stream for each member, the work costs seven times the CPU. */
async function poolTurns(work: () => Promise<void>): Promise<number> {
  const streams = new Set<number>();
  let turns = 0;
  const hook = createHook({
    init: (id, type) => type === 'ZLIB' && streams.add(id),
    before: (id) => {
      if (streams.has(id)) turns++;
    },
  }).enable();
  await work();
  hook.disable();
  return turns;
}

for (const [kind, gunzip] of Object.entries(kinds)) {
  test(`${kind}: one member, however it is cut`, async (t) => {
    for (const cut of [1, 7, 10, 100, 1 << 20])
      t.true((await gunzip(gzipSync(small), cut)).equals(small), `${cut}`);
    for (const cut of [1000, 65536, 1 << 22])
      t.true((await gunzip(gzipSync(large), cut)).equals(large), `${cut}`);
  });

  test(`${kind}: an empty member`, async (t) => {
    t.is((await gunzip(gzipSync(''))).length, 0);
  });

  test(`${kind}: several members are one stream`, async (t) => {
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

  test(`${kind}: a header whose own CRC is wrong is refused`, async (t) => {
    const bytes = decorated(small);
    bytes.write('N', bytes.indexOf('name'));
    const found = await t.throwsAsync(gunzip(bytes), { code: 'COMPRESSION_CORRUPT' });
    t.regex(found.message, /it has no gzip header/);
  });

  test.serial(`${kind}: thousands of small members, as in eStargz, need few turns of the pool`, async (t) => {
    const bytes = Buffer.concat(
      Array.from({ length: 9000 }, (_, i) => gzipSync(`file ${1000 + i}`, { level: 1 })),
    );
    const turns = await poolTurns(async () => {
      t.is((await gunzip(bytes, 192 * 1024)).length, 9000 * 9);
    });
    t.true(turns < 100, `${turns} turns`);
  });

  test(`${kind}: a small member that inflates to much is read completely`, async (t) => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    t.is((await gunzip(Buffer.concat([gzipSync(small), bomb]), 1 << 20)).length, 50_000_000 + small.length);
  });

  test(`${kind}: what follows the last member is ignored, zeros or not, and nothing of the content is lost`, async (t) => {
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
      for (const cut of [4096, 1 << 22])
        t.true((await gunzip(bytes, cut)).equals(large), JSON.stringify(tail));
    }
  });

  test(`${kind}: a stream that is cut off is an error, wherever the cut is`, async (t) => {
    const bytes = decorated(small);
    for (let length = 0; length < bytes.length; length++) {
      t.is(
        await refusal(gunzip(bytes.subarray(0, length), 5)),
        'COMPRESSION_CORRUPT: it ends too early',
        `${length}`,
      );
    }
  });

  test(`${kind}: a second member that is cut off is an error too`, async (t) => {
    const bytes = Buffer.concat([gzipSync(small), gzipSync(large).subarray(0, -1)]);
    t.is(await refusal(gunzip(bytes)), 'COMPRESSION_CORRUPT: it ends too early');
    const header = Buffer.concat([gzipSync(small), gzipSync(small).subarray(0, 5)]);
    t.is(await refusal(gunzip(header)), 'COMPRESSION_CORRUPT: it ends too early');
  });

  test(`${kind}: corrupt streams are errors that say why`, async (t) => {
    const spoil = (at: number, value: number) => {
      const bytes = gzipSync(large);
      bytes[at < 0 ? bytes.length + at : at] = value;
      return refusal(gunzip(bytes));
    };
    t.is(await spoil(0, 0x1e), 'COMPRESSION_CORRUPT: it has no gzip header');
    t.is(await spoil(2, 7), 'COMPRESSION_CORRUPT: it has no gzip header');
    t.is(await spoil(3, 0x20), 'COMPRESSION_CORRUPT: it has no gzip header');
    t.regex(await spoil(10, 0x07), /^COMPRESSION_CORRUPT: invalid block/);
    t.is(await spoil(-5, gzipSync(large).at(-5)! ^ 1), 'COMPRESSION_CORRUPT: its checksum is wrong');
    t.is(await spoil(-1, gzipSync(large).at(-1)! ^ 1), 'COMPRESSION_CORRUPT: its length is wrong');
    t.is(await refusal(gunzip(large)), 'COMPRESSION_CORRUPT: it has no gzip header');
  });

  test(`${kind}: a header without end is refused before it fills the memory`, async (t) => {
    const bytes = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]),
      Buffer.alloc(1 << 20, 'n'),
    ]);
    t.is(await refusal(gunzip(bytes, 4096)), 'COMPRESSION_CORRUPT: its header has no end');
  });

  test(`${kind}: output of gzip(1) is read`, async (t) => {
    if (!requires(t, 'gzip')) return;
    for (const level of ['-1', '-9']) {
      t.true((await gunzip(execFileSync('gzip', [level], { input: large }))).equals(large));
    }
  });
}

test('libisal2 and node:zlib agree on any cut, any room, and damaged bytes', async (t) => {
  if (!requires(t, 'libisal2')) return;
  const decode = async (input: Buffer, cut: number, room: number) =>
    throughBlocking((await isalGunzip('sha256:x'))!, input, cut, room);
  const head = large.subarray(0, 60_000);
  const bytes = Buffer.concat([gzipSync(head), decorated(small), gzipSync(head, { level: 0 })]);
  const content = Buffer.concat([head, small, head]);
  for (const cut of [3, 8, 9, 1000, 65_536])
    for (const room of [7, 300, 33_000, 1 << 19])
      t.true((await decode(bytes, cut, room)).equals(content), `${cut} ${room}`);
  const ended = (output: Promise<Buffer>) =>
    output.then(
      (all) => createHash('sha256').update(all).digest('hex'),
      () => 'refused',
    );
  const packed = gzipSync(large.subarray(0, 50_000));
  for (let n = 0; n < 300; n++) {
    const damaged = Buffer.from(packed);
    damaged[(n * 7919) % packed.length]! ^= 1 << (n % 8);
    const theirs = await ended(kinds['node:zlib']!(damaged, 4096));
    t.is(await ended(decode(damaged, 100 + n, 20_000)), theirs, `${n}`);
  }
});
