import { createHash } from 'node:crypto';
import test from 'ava';
import { LayerhookError } from '../../../src/errors/index.js';
import {
  createRing,
  expectHasher,
  failRing,
  RingReader,
  RingWriter,
  ringCounters,
} from '../../../src/layer/stream/index.js';
import { pattern, startThread } from './threads.js';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const MiB = 1 << 20;

/** Whether the promise is still open after a while. */
async function isPending(promise: Promise<unknown>, ms = 300): Promise<boolean> {
  const timer = new Promise((resolve) => setTimeout(resolve, ms, 'pending'));
  return (await Promise.race([promise, timer])) === 'pending';
}

for (const [bytes, piece] of [
  [0, 1],
  [1, 1],
  [100_000, 777],
  [512 * 1024, 512 * 1024],
  [20 * MiB + 5, 300_001],
  [20 * MiB, 4 * MiB],
] as const) {
  test(`${bytes} bytes in pieces of ${piece} arrive in order`, async (t) => {
    const ring = createRing();
    const reader = startThread({ do: 'read', ring });
    const writer = startThread({ do: 'write', ring, bytes, piece, end: 'end' });
    t.deepEqual(await reader.report, { bytes, sha256: sha256(pattern(bytes)), ended: 'end' });
    t.like(await writer.report, { bytes });
  });
}

for (const [withHasher, capacity] of [
  [false, 3 * MiB],
  [true, 12 * MiB],
] as const) {
  test(`a slow reader holds the writer back after ${capacity / MiB} MiB, the memory of the ring`, async (t) => {
    const ring = createRing({ withHasher });
    const writer = new RingWriter(ring);
    writer.write(pattern(capacity));
    t.true(writer.wouldWait);
    t.is(new RingReader(ring).read()?.length, 512 * 1024);

    const slow = createRing({ withHasher });
    const bytes = capacity + 5 * MiB;
    const waiting = startThread({ do: 'write', ring: slow, bytes, piece: 64 * 1024, end: 'end' });
    t.true(await isPending(waiting.report));
    const reader = startThread({ do: 'read', ring: slow, pauseMs: 20 });
    t.like(await reader.report, { bytes, sha256: sha256(pattern(bytes)), ended: 'end' });
  });
}

test('an error arrives after the bytes before it, with its code', async (t) => {
  const ring = createRing();
  const writer = new RingWriter(ring);
  writer.write(Buffer.from('some bytes'));
  writer.fail(new LayerhookError('DIFF_ID', { digest: 'd', actual: 'a', expected: 'e' }, new Error('why')));
  const reader = new RingReader(ring);
  t.is(String(reader.read()), 'some bytes');
  for (let again = 0; again < 2; again++) {
    const error = t.throws(() => reader.read(), { instanceOf: LayerhookError });
    t.is(error?.code, 'DIFF_ID');
    t.is(error?.message, 'layer d unpacks to a, the image config says e');
    t.like(error?.cause, { message: 'why' });
  }
});

test('an error that is larger than the ring has room for is cut short', (t) => {
  const ring = createRing();
  failRing(ring, new Error('x'.repeat(100_000)));
  t.throws(() => new RingReader(ring).read(), { message: /^Error: x{1900}/ });
});

test('the first end stands', (t) => {
  const ring = createRing();
  const writer = new RingWriter(ring);
  writer.end();
  failRing(ring, new Error('too late'));
  t.is(new RingReader(ring).read(), null);
  const failed = createRing();
  failRing(failed, new Error('first'));
  new RingWriter(failed).end();
  t.throws(() => new RingReader(failed).read(), { message: 'first' });
});

test('a writer that fails wakes the reader that waits', async (t) => {
  const ring = createRing();
  const reader = startThread({ do: 'read', ring });
  t.true(await isPending(reader.report));
  startThread({ do: 'write', ring, bytes: 10, piece: 10, end: 'fail' });
  t.like(await reader.report, { bytes: 10, ended: 'the writer gave up' });
});

test('the owner of the threads can end a wait on either side', async (t) => {
  const waiting = createRing();
  const reader = startThread({ do: 'read', ring: waiting });
  t.true(await isPending(reader.report));
  failRing(waiting, new LayerhookError('ABORTED', { what: 'the test' }));
  t.like(await reader.report, { ended: 'ABORTED' });

  const full = createRing();
  const writer = startThread({ do: 'write', ring: full, bytes: 9 * MiB, piece: MiB, end: 'never' });
  t.true(await isPending(writer.report));
  failRing(full, new LayerhookError('ABORTED', { what: 'the test' }));
  t.like(await writer.report, { ended: 'stopped' });
});

test('a reader that closes wakes the writer that waits, whether it has read or not', async (t) => {
  for (const pieces of [0, 2]) {
    const ring = createRing();
    const writer = startThread({ do: 'write', ring, bytes: 30 * MiB, piece: MiB, end: 'end' });
    t.true(await isPending(writer.report));
    const reader = startThread({ do: 'read', ring, pieces, close: true });
    t.like(await reader.report, { bytes: (pieces * MiB) / 2, ended: 'stopped' });
    t.like(await writer.report, { ended: 'stopped' });
  }
});

function hashedRing(): SharedArrayBuffer {
  const ring = createRing();
  expectHasher(ring);
  return ring;
}

for (const [slowSide, pauses] of Object.entries({
  'the reader': { reader: 5, hasher: 0 },
  'the hasher': { reader: 0, hasher: 5 },
}))
  test(`a hasher beside the reader sees all bytes, also if ${slowSide} is slow`, async (t) => {
    for (const bytes of [0, 1, 512 * 1024, 8 * MiB + 5]) {
      const ring = hashedRing();
      const writer = startThread({ do: 'write', ring, bytes, piece: 300_001, end: 'end' });
      const reader = startThread({ do: 'read', ring, pauseMs: pauses.reader });
      const hasher = startThread({ do: 'hash', ring, pauseMs: pauses.hasher });
      const expected = sha256(pattern(bytes));
      t.deepEqual(await writer.report, { bytes, sha256: expected, ended: 'end' });
      t.deepEqual(await reader.report, { bytes, sha256: expected, ended: 'end' });
      t.like(await hasher.report, { bytes });
    }
  });

test('the writer waits for the hasher at the end, and until then the reader sees no end', async (t) => {
  const ring = hashedRing();
  const writer = startThread({ do: 'write', ring, bytes: 10, piece: 10, end: 'end' });
  const reader = startThread({ do: 'read', ring });
  t.true(await isPending(Promise.race([writer.report, reader.report])));
  startThread({ do: 'hash', ring });
  t.is((await writer.report).sha256, sha256(pattern(10)));
  t.like(await reader.report, { bytes: 10, ended: 'end' });
});

test('a hasher and its writer end with a reader that closes, and with a ring that fails', async (t) => {
  const ways: ((ring: SharedArrayBuffer) => void)[] = [
    (ring) => new RingReader(ring).close(),
    (ring) => failRing(ring, new Error('failed')),
  ];
  for (const end of ways) {
    const unread = hashedRing();
    const writer = startThread({ do: 'write', ring: unread, bytes: 9 * MiB, piece: MiB, end: 'end' });
    const hasher = startThread({ do: 'hash', ring: unread });
    t.true(await isPending(Promise.race([writer.report, hasher.report])));
    end(unread);
    t.like(await writer.report, { ended: 'stopped' });
    t.truthy(await hasher.report);

    const unhashed = hashedRing();
    const waiting = startThread({ do: 'write', ring: unhashed, bytes: 10, piece: 10, end: 'end' });
    t.true(await isPending(waiting.report));
    end(unhashed);
    t.like(await waiting.report, { sha256: '' });
  }
});

test('a thread that waits can be terminated', async (t) => {
  const reader = startThread({ do: 'read', ring: createRing() });
  t.true(await isPending(reader.report));
  await reader.worker.terminate();
  t.pass();
});

test('counters travel beside the bytes', (t) => {
  const ring = createRing();
  t.deepEqual(ringCounters(ring), { blobBytes: 0, bytes: 0 });
  new RingWriter(ring).count(2 ** 40, 2 ** 41);
  t.deepEqual(ringCounters(ring), { blobBytes: 2 ** 40, bytes: 2 ** 41 });
});

test('pieces of a ring can be written to files and hashed in place', (t) => {
  const ring = createRing();
  const writer = new RingWriter(ring);
  writer.write(Buffer.from('caf\xe9', 'latin1'));
  writer.end();
  const piece = new RingReader(ring).read()!;
  t.true(piece.buffer === (ring as ArrayBufferLike));
  t.is(sha256(piece), sha256(Buffer.from('caf\xe9', 'latin1')));
  t.is(piece.toString('latin1'), 'caf\xe9');
});
