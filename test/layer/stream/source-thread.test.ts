import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { isLayerhookError } from '../../../src/errors/index.js';
import { createCompressor } from '../../../src/layer/compression/index.js';
import { isWorthHasher } from '../../../src/layer/stream/hash-thread.js';
import { createControl, DirectSource, SourceThread } from '../../../src/layer/stream/index.js';
import type { Compression, LayerSource } from '../../../src/layer/types.js';
import { tmpdir } from '../../helpers/tmp.js';
import { sample, through } from '../compression/helpers.js';
import { startThread } from './threads.js';

const hex = (bytes: Uint8Array, algorithm = 'sha256') => createHash(algorithm).update(bytes).digest('hex');

/** A blob in a file, and what it must be. */
function sourceOf(
  t: ExecutionContext<unknown>,
  blob: Uint8Array,
  tar: Uint8Array,
  algorithm = 'sha256',
): LayerSource {
  const path = join(tmpdir(t), 'blob');
  writeFileSync(path, blob);
  return {
    path,
    digest: `${algorithm}:${hex(blob, algorithm)}`,
    diffID: `${algorithm}:${hex(tar, algorithm)}`,
    size: blob.length,
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  };
}

function sourceThread(t: ExecutionContext<unknown>): SourceThread {
  const thread = new SourceThread();
  t.teardown(() => thread.close());
  return thread;
}

const threadsOf = (pid: number) => readdirSync(`/proc/${pid}/task`).length;

const code = (error: unknown) => (isLayerhookError(error) ? error.code : String(error));

/** Reads a source to its end. Returns the codes that its reader and `done` ended in; reading it in one thread must end so, too. */
async function outcome(t: ExecutionContext<unknown>, source: LayerSource): Promise<string[]> {
  const opened = sourceThread(t).open(source);
  const reader = startThread({ do: 'read', ring: opened.ring });
  const done = await opened.done.then(() => 'end', code);
  t.true([done, 'another way'].includes(inOneThread(source)), `${done}, but ${inOneThread(source)}`);
  return [(await reader.report).ended, done];
}

function inOneThread(source: LayerSource): string {
  try {
    const direct = DirectSource.open({ source, control: createControl() });
    if (direct === null) return 'another way';
    while (direct.read() !== null);
    direct.close();
    return 'end';
  } catch (error) {
    return code(error);
  }
}

const content = sample(5_000_000);
const decompressors: Record<Compression, string[]> = {
  gzip: ['node:zlib', 'libisal2'],
  zstd: ['zstd'],
  none: ['none'],
};

for (const compression of ['gzip', 'zstd', 'none'] as Compression[]) {
  test(`a ${compression} layer arrives, and both its digests are verified`, async (t) => {
    const blob = await through(await createCompressor(compression), content);
    for (const algorithm of ['sha256', 'sha512']) {
      const source = sourceOf(t, blob, content, algorithm);
      const { ring, done, progress } = sourceThread(t).open(source);
      const { report } = startThread({ do: 'read', ring });
      const { digest, diffID, size } = source;
      t.deepEqual(await report, { bytes: content.length, sha256: hex(content), ended: 'end' });
      const { decompressor, ...summary } = await done;
      t.deepEqual(summary, { digest, diffID, blobBytes: size, bytes: content.length });
      t.true(decompressors[compression].includes(decompressor), decompressor);
      t.deepEqual(progress(), { blobBytes: size, bytes: content.length });
    }
  });
}

test('a ring that was given back carries the next layer, and the first layer can no longer abort it', async (t) => {
  const thread = sourceThread(t);
  const first = thread.open(sourceOf(t, content, content));
  t.is((await startThread({ do: 'read', ring: first.ring }).report).sha256, hex(content));
  await first.done;
  first.reuse();
  const other = sample(3_000_000);
  const second = thread.open(sourceOf(t, other, other));
  t.is(second.ring, first.ring);
  first.abort();
  const { bytes, sha256, ended } = await startThread({ do: 'read', ring: second.ring }).report;
  t.deepEqual({ bytes, sha256, ended }, { bytes: other.length, sha256: hex(other), ended: 'end' });
  t.is((await second.done).bytes, other.length);
});

test('a large layer is hashed in a thread of its own, and verified', async (t) => {
  const size = 256 << 20;
  const source = sourceOf(t, Buffer.alloc(0), Buffer.alloc(size));
  truncateSync(source.path, size);
  const large = { ...source, size, digest: source.diffID };
  t.true(isWorthHasher(large));
  const threads = threadsOf(process.pid);
  const { ring, done } = sourceThread(t).open(large);
  t.true(threadsOf(process.pid) >= threads + 2);
  t.like(await startThread({ do: 'read', ring }).report, { bytes: size, ended: 'end' });
  t.like(await done, { bytes: size, diffID: source.diffID });
  const wrong = { ...large, diffID: `sha256:${hex(content)}` };
  t.deepEqual(await outcome(t, wrong), ['DIFF_ID', 'DIFF_ID']);
  const changed = { ...large, digest: wrong.diffID };
  t.deepEqual(await outcome(t, changed), ['BLOB_DIGEST', 'BLOB_DIGEST']);
});

test('a blob embedded in its descriptor needs no file', async (t) => {
  const blob = gzipSync(content);
  const source = { ...sourceOf(t, blob, content), path: '/nonexistent', data: new Uint8Array(blob) };
  t.deepEqual(await outcome(t, source), ['end', 'end']);
  t.deepEqual(await outcome(t, { ...source, data: source.data.subarray(1) }), ['BLOB_SIZE', 'BLOB_SIZE']);
});

test('several members, and garbage behind the last, count in the digests', async (t) => {
  const blob = Buffer.concat([gzipSync(content), gzipSync('more'), Buffer.from('garbage')]);
  t.deepEqual(await outcome(t, sourceOf(t, blob, Buffer.concat([content, Buffer.from('more')]))), [
    'end',
    'end',
  ]);
});

test('an empty blob is an empty tar', async (t) => {
  t.deepEqual(await outcome(t, sourceOf(t, Buffer.alloc(0), Buffer.alloc(0))), ['end', 'end']);
});

test('other bytes than the digest says', async (t) => {
  const blob = gzipSync(content);
  const source = sourceOf(t, blob, content);
  // the operating system's number in the gzip header: it changes nothing but the digest
  blob[9]! ^= 1;
  writeFileSync(source.path, blob);
  t.deepEqual(await outcome(t, source), ['BLOB_DIGEST', 'BLOB_DIGEST']);
});

test('a blob that is corrupt is called that, not a bad compression', async (t) => {
  const blob = gzipSync(content);
  const source = sourceOf(t, blob, content);
  for (const at of [0, 100, blob.length >> 1, blob.length - 6]) {
    const spoilt = Buffer.from(blob);
    spoilt[at]! ^= 0xff;
    writeFileSync(source.path, spoilt);
    t.deepEqual(await outcome(t, source), ['BLOB_DIGEST', 'BLOB_DIGEST'], `${at}`);
  }
});

test('another tar than the config says', async (t) => {
  t.deepEqual(await outcome(t, sourceOf(t, gzipSync(content), Buffer.from('other'))), ['DIFF_ID', 'DIFF_ID']);
});

test('more or fewer bytes than the descriptor says', async (t) => {
  const longer = sourceOf(t, gzipSync(content), content);
  appendFileSync(longer.path, 'x');
  t.deepEqual(await outcome(t, longer), ['BLOB_SIZE', 'BLOB_SIZE']);
  const shorter = sourceOf(t, gzipSync(content), content);
  truncateSync(shorter.path, 1000);
  t.deepEqual(await outcome(t, shorter), ['BLOB_SIZE', 'BLOB_SIZE']);
  t.deepEqual(await outcome(t, { ...longer, size: -1 }), ['BLOB_SIZE', 'BLOB_SIZE']);
});

test('a compressed stream that is cut off, though its digest is right', async (t) => {
  const blob = gzipSync(content).subarray(0, -100);
  t.deepEqual(await outcome(t, sourceOf(t, blob, content)), ['COMPRESSION_CORRUPT', 'COMPRESSION_CORRUPT']);
});

test('no blob, or one that would block', async (t) => {
  const source = sourceOf(t, gzipSync(content), content);
  const missing = { ...source, path: `${source.path}.gone` };
  t.deepEqual(await outcome(t, missing), ['BLOB_NOT_FOUND', 'BLOB_NOT_FOUND']);
  const fifo = { ...source, path: `${source.path}.fifo` };
  execFileSync('mkfifo', [fifo.path]);
  t.deepEqual(await outcome(t, fifo), ['BLOB_NOT_FOUND', 'BLOB_NOT_FOUND']);
  const directory = { ...source, path: tmpdir(t) };
  t.deepEqual(await outcome(t, directory), ['BLOB_NOT_FOUND', 'BLOB_NOT_FOUND']);
});

test('a malformed digest is refused', async (t) => {
  const source = sourceOf(t, gzipSync(content), content);
  t.deepEqual(await outcome(t, { ...source, digest: 'md5:00' }), ['DIGEST_INVALID', 'DIGEST_INVALID']);
  t.deepEqual(await outcome(t, { ...source, diffID: '' }), ['DIGEST_INVALID', 'DIGEST_INVALID']);
});

test('sources of one thread come one after the other; one that fails does not stop the next', async (t) => {
  const thread = sourceThread(t);
  const good = sourceOf(t, gzipSync(content), content);
  const bad = sourceOf(t, gzipSync(content), Buffer.from('other'));
  const opened = [good, bad, good].map((source) => thread.open(source));
  const ends: string[] = [];
  for (const { ring } of opened) ends.push((await startThread({ do: 'read', ring }).report).ended);
  t.deepEqual(ends, ['end', 'DIFF_ID', 'end']);
  const settled = await Promise.allSettled(opened.map(({ done }) => done));
  t.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

const large = sample(20_000_000);

test('a reader that closes ends its source, and the next one goes on', async (t) => {
  const thread = sourceThread(t);
  const first = thread.open(sourceOf(t, gzipSync(large), large));
  const second = thread.open(sourceOf(t, gzipSync(content), content));
  t.like(await startThread({ do: 'read', ring: first.ring, pieces: 1, close: true }).report, {
    ended: 'stopped',
  });
  t.is(await first.done.then(() => 'end', code), 'ABORTED');
  t.like(await startThread({ do: 'read', ring: second.ring }).report, { ended: 'end' });
});

test('an abort reaches reader and source, before, while and after it is read', async (t) => {
  const thread = sourceThread(t);
  const blob = gzipSync(large);
  const before = thread.open(sourceOf(t, blob, large), { signal: AbortSignal.abort() });
  t.like(await startThread({ do: 'read', ring: before.ring }).report, { bytes: 0, ended: 'ABORTED' });
  t.is(await before.done.then(() => 'end', code), 'ABORTED');

  const controller = new AbortController();
  const during = thread.open(sourceOf(t, blob, large), { signal: controller.signal });
  const reader = startThread({ do: 'read', ring: during.ring, pauseMs: 50 });
  while (during.progress().bytes === 0) await sleep(5);
  controller.abort();
  t.is((await reader.report).ended, 'ABORTED');
  t.is(await during.done.then(() => 'end', code), 'ABORTED');

  const reasoned = thread.open(sourceOf(t, blob, large));
  reasoned.abort(new Error('the disk is full'));
  t.is((await startThread({ do: 'read', ring: reasoned.ring }).report).ended, 'the disk is full');
  t.is(await reasoned.done.then(() => 'end', code), 'Error: the disk is full');
});

test('closing the thread wakes all that wait for it', async (t) => {
  const thread = new SourceThread();
  const [first, second] = [1, 2].map(() => thread.open(sourceOf(t, gzipSync(large), large)));
  const reader = startThread({ do: 'read', ring: second!.ring });
  await sleep(200);
  await thread.close();
  t.is((await reader.report).ended, 'ABORTED');
  t.is(await first!.done.then(() => 'end', code), 'ABORTED');
  const late = thread.open(sourceOf(t, gzipSync(content), content));
  t.is(await late.done.then(() => 'end', code), 'ABORTED');
  t.is((await startThread({ do: 'read', ring: late.ring }).report).ended, 'ABORTED');
});

test('a thread that is idle keeps no process alive', (t) => {
  const module = new URL('../../../src/layer/stream/index.js', import.meta.url);
  const script = `import { SourceThread } from ${JSON.stringify(module.href)}; new SourceThread();`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
  t.pass();
});
