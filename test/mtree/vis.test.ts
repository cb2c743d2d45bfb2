import test from 'ava';
import { MtreeError, unvis, vis } from 'mtree-ts';
import fc from '../helpers/properties.js';

const byteString = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

test('decoding undoes encoding, for any bytes, and leaves graphic ASCII only', (t) => {
  fc.assert(
    fc.property(byteString, (bytes) => {
      const encoded = vis(bytes);
      return unvis(encoded) === bytes && /^[!-~]*$/.test(encoded);
    }),
  );
  t.pass();
});

test('encodes as go-mtree does', (t) => {
  t.is(vis('plain-name.txt'), 'plain-name.txt');
  t.is(vis('a b\tc\nd'), 'a\\040b\\011c\\012d');
  t.is(vis('*?[]#\\"~'), '\\052\\077\\133]\\043\\\\"~');
  t.is(vis('\x00\x1b\x7f\xc3\xa9\xff'), '\\000\\033\\177\\303\\251\\377');
});

test('decodes every style of vis(3)', (t) => {
  const cases: Record<string, string> = {
    '\\1\\12\\1234': '\x01\nS4',
    '\\x41\\xfF': 'A\xff',
    '\\a\\b\\f\\n\\r\\s\\t\\v\\E': '\x07\b\f\n\r \t\v\x1b',
    '\\^A\\^?\\M-C\\M^?\\M^A': '\x01\x7f\xc3\xff\x81',
    '\\#\\*\\"\\\\': '#*"\\',
    'a\\$b': 'ab',
  };
  for (const [text, bytes] of Object.entries(cases)) t.is(unvis(text), bytes, text);
});

test('a malformed escape is an error that names it and its line', (t) => {
  for (const text of ['\\', 'a\\', '\\x4', '\\xzz', '\\777', '\\M', '\\Mx', '\\M-', '\\^', '\\\xe9', '\\ ']) {
    const error = t.throws(() => unvis(text, 7), { instanceOf: MtreeError }, text);
    t.is(error?.code, 'BAD_ESCAPE');
    t.is(error?.line, 7);
  }
});
