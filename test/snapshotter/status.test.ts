import { status } from '@grpc/grpc-js';
import test from 'ava';
import { LayerhookError } from '../../src/errors/index.js';
import { statusOf } from '../../src/snapshotter/status.js';

test('a message stays well-formed where it is cut inside a character', (t) => {
  const { details } = statusOf(new Error(`${'x'.repeat(3999)}😀${'y'.repeat(100)}`));
  t.notThrows(() => encodeURI(details));
  t.true(details.startsWith('x'.repeat(3999)));
});

test('a message of 200 kB fits in the headers of HTTP/2', (t) => {
  const { details } = statusOf(new Error('😀'.repeat(50_000)));
  // three octets for each byte after percent-encoding, within the 64 KiB that gRPC clients accept by default
  t.true(encodeURI(details).length < 64 * 1024);
});

test('half a character in a message is replaced', (t) => {
  t.is(statusOf(new Error('a\ud83d b')).details, 'a\ufffd b');
});

test('what a user can do reaches the client with a broken snapshot', (t) => {
  const error = new LayerhookError('SNAPSHOT_BROKEN', { name: 'base', reason: 'its directory is missing' });
  t.deepEqual(statusOf(error), {
    code: status.FAILED_PRECONDITION,
    details: `${error.message}; ${error.hint}`,
  });
});

test('an error of another kind is UNKNOWN', (t) => {
  t.is(statusOf(new TypeError('x is undefined')).code, status.UNKNOWN);
  t.deepEqual(statusOf('text'), { code: status.UNKNOWN, details: 'text' });
});
