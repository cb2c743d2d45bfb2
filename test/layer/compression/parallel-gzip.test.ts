import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import test from 'ava';
import { createCompressor } from '../../../src/layer/compression/index.js';
import { requires } from '../../helpers/requires.js';
import { sample, through } from './helpers.js';

const gzip = async (bytes: Uint8Array, options = {}, chunk?: number) =>
  through(await createCompressor('gzip', options), bytes, chunk);

const MiB = 1 << 20;

test('compressed data decompresses to the same, at every edge of a block', async (t) => {
  for (const size of [0, 1, MiB - 1, MiB, MiB + 1, 3 * MiB, 5 * MiB + 77]) {
    const content = sample(size);
    t.true(gunzipSync(await gzip(content)).equals(content), `${size}`);
  }
});

test('the bytes depend on content and level alone', async (t) => {
  const content = sample(4 * MiB + 5);
  const whole = await gzip(content, { concurrency: 1 }, 1 << 24);
  for (const [concurrency, chunk] of [
    [1, 1000],
    [2, MiB],
    [7, 333_333],
  ] as const) {
    t.true((await gzip(content, { concurrency }, chunk)).equals(whole), `${concurrency} ${chunk}`);
  }
  t.false((await gzip(content, { level: 9 })).equals(whole));
});

test('the stream is one member without time, name or system', async (t) => {
  const bytes = await gzip(sample(3 * MiB));
  t.is(bytes.toString('hex', 0, 10), '1f8b08000000000000ff');
});

test('blocks refer back to the one before: hardly larger than in one go', async (t) => {
  // nothing in a block repeats; all of it is in the 32 KiB before it
  const unit = Buffer.concat(
    Array.from({ length: 1000 }, (_, i) => createHash('sha256').update(`${i}`).digest()),
  );
  const content = Buffer.concat(Array.from({ length: 200 }, () => unit));
  const [ours, theirs] = [(await gzip(content)).length, gzipSync(content, { level: 4 }).length];
  t.true(ours < theirs * 1.05, `${ours} against ${theirs}`);
});

test('gzip(1) reads it', async (t) => {
  if (!requires(t, 'gzip')) return;
  const content = sample(3 * MiB + 1);
  const bytes = await gzip(content);
  execFileSync('gzip', ['-t'], { input: bytes });
  t.true(execFileSync('gzip', ['-dc'], { input: bytes, maxBuffer: 1 << 24 }).equals(content));
});

test('a reader that does not keep up holds the writer back', async (t) => {
  const stream = await createCompressor('gzip', { concurrency: 2 });
  const noise = Buffer.from(
    Array.from({ length: 64 }, (_, i) => sample(16 * 1024, i * 7919 + 3)).flatMap((b) => [...b]),
  );
  let written = 0;
  const source = new PassThrough();
  source.pipe(stream);
  const feed = () => {
    while (written < 100 && source.write(noise)) written++;
    if (written < 100) source.once('drain', feed);
  };
  feed();
  await new Promise((resolve) => setTimeout(resolve, 700));
  t.true(written < 12, `${written} MiB were taken without a reader`);
  stream.destroy();
});
