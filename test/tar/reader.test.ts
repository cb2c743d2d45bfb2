import test from 'ava';
import { isLayerhookError, LayerhookError } from '../../src/errors/index.js';
import { TarReader } from '../../src/tar/index.js';
import { tar } from '../helpers/tar.js';
import { readAll, sourceOf } from './read.js';

const A = tar([{ name: 'a', content: 'aaa' }], { trailer: false });
const B = tar([{ name: 'b', content: 'b'.repeat(1500) }], { trailer: false });
const zeros = Buffer.alloc(512);

const names = (...parts: Uint8Array[]) => readAll(Buffer.concat(parts)).map((entry) => entry.name);

function reasonOf(bytes: Uint8Array): string {
  const reader = new TarReader(sourceOf(bytes));
  try {
    while (reader.next() !== null);
  } catch (error) {
    // the reader keeps its error: a caller that goes on does not read from the middle
    const again = (() => {
      try {
        reader.next();
      } catch (second) {
        return second;
      }
      return undefined;
    })();
    if (again !== error) throw new Error('the error was not kept');
    if (isLayerhookError(error, 'TAR_INVALID')) return `${error.details.offset}: ${error.details.reason}`;
    throw error;
  }
  return 'accepted';
}

test('the result does not depend on how the source cuts the bytes', (t) => {
  const archive = tar([
    { name: 'x'.repeat(300), content: 'c'.repeat(3000), xattrs: { 'user.x': 'v' } },
    { name: 'y'.repeat(300), content: 'd', format: 'gnu' },
    { name: 'd/', type: 'dir' },
  ]);
  const whole = readAll(archive);
  for (const chunk of [1, 7, 511, 512, 513, 1000, 1024, 4096]) t.deepEqual(readAll(archive, chunk), whole);
});

test('a tar ends with two blocks of zeros, or one, or none', (t) => {
  t.deepEqual(names(A, zeros, zeros), ['a']);
  t.deepEqual(names(A, zeros), ['a']);
  t.deepEqual(names(A), ['a']);
  t.deepEqual(names(zeros, zeros), []);
  t.deepEqual(names(), []);
});

test('bytes after the trailer are read, but yield no entry', (t) => {
  const bytes = Buffer.concat([A, zeros, zeros, B, Buffer.from('junk')]);
  const reader = new TarReader(sourceOf(bytes, 512));
  t.is(reader.next()?.name, 'a');
  t.is(reader.next(), null);
  t.is(reader.next(), null);
  t.true(reader.position < bytes.length);
  reader.drain();
  t.is(reader.position, bytes.length);
});

test('draining early passes over entries', (t) => {
  const bytes = Buffer.concat([A, B]);
  const reader = new TarReader(sourceOf(bytes, 600));
  reader.next();
  reader.drain();
  t.is(reader.position, bytes.length);
  t.is(reader.next(), null);
  t.is(reader.readData(), null);
});

test('content that is not read, or in part, is passed over', (t) => {
  const reader = new TarReader(sourceOf(Buffer.concat([B, A]), 600));
  reader.next();
  t.is(reader.readData()?.length, 88);
  t.is(reader.next()?.name, 'a');
  t.is(String(reader.readData()), 'aaa');
  t.is(reader.readData(), null);
  t.is(reader.next(), null);
});

test('pieces are views of what the source gave', (t) => {
  const bytes = tar([{ name: 'a', content: 'x'.repeat(5000) }]);
  const reader = new TarReader({ read: () => bytes });
  reader.next();
  t.is(reader.readData()?.buffer, bytes.buffer);
});

test('a lone block of zeros between entries is refused: some readers stop there, some go on', (t) => {
  t.is(reasonOf(Buffer.concat([A, zeros, B])), '1024: a lone block of zeros between entries');
});

test('a tar that is cut off is refused, but for the padding of the last entry', (t) => {
  t.is(reasonOf(A.subarray(0, 300)), '0: the tar ends inside a header');
  t.is(reasonOf(A.subarray(0, 512)), '0: the tar ends inside an entry');
  t.is(reasonOf(A.subarray(0, 514)), '0: the tar ends inside an entry');
  t.is(reasonOf(A.subarray(0, 515)), 'accepted');
  t.is(reasonOf(Buffer.concat([A, B]).subarray(0, 1024 + 512 + 1499)), '1024: the tar ends inside an entry');
  const long = tar([{ name: 'x'.repeat(300) }]);
  t.is(reasonOf(long.subarray(0, 512)), '0: the tar ends inside a PAX header');
  t.is(reasonOf(long.subarray(0, 1024)), '1024: the tar ends between an extended header and its entry');
});

test('reading content of a tar that is cut off is refused too', (t) => {
  const reader = new TarReader(sourceOf(B.subarray(0, 1024)), { digest: 'sha256:abc' });
  reader.next();
  t.is(reader.readData()?.length, 512);
  const error = t.throws(() => reader.readData(), { instanceOf: LayerhookError });
  t.is(error?.message, 'layer sha256:abc: tar is malformed at byte 0: the tar ends inside an entry');
  t.throws(() => reader.next(), { is: error });
});

test("the source's own error comes through", (t) => {
  const broken = new Error('disk on fire');
  const reader = new TarReader({
    read() {
      throw broken;
    },
  });
  t.throws(() => reader.next(), { is: broken });
});
