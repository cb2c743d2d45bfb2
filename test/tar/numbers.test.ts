import test from 'ava';
import { parseDecimal, parseField, parseOctal, parseTime } from '../../src/tar/numbers.js';
import fc from '../helpers/properties.js';

const field = (text: string) => parseField(Buffer.from(text, 'latin1'), 0, text.length);

test('octal fields are padded by spaces, zeros or NULs, on either side', (t) => {
  t.is(field('0000644\0'), 0o644);
  t.is(field('   644 \0'), 0o644);
  t.is(field('644\0\0\0\0\0'), 0o644);
  t.is(field('\0\0 644 \0'), 0o644);
  t.is(field('77777777'), 0o77777777);
  t.is(field('        '), 0);
  t.is(field('\0\0\0\0\0\0\0\0'), 0);
  t.is(field('777777777777'), 0o777777777777);
});

test('a malformed octal number is NaN', (t) => {
  for (const text of ['0000648\0', '00x0644\0', '-000644\0', '0644 1 \0', 'abcdefgh', '0x1ff\0\0\0']) {
    t.is(field(text), Number.NaN, text);
  }
});

test('octal behind a NUL is not looked at', (t) => {
  t.is(parseOctal(Buffer.from('12\0junk!'), 0, 8), 0o12);
});

test('base-256 numbers, as GNU tar writes them', (t) => {
  t.is(field('\x80\0\0\0\0\x20\0\0'), 0x200000);
  t.is(field('\x80\0\0\0\0\0\0\x02\x54\x0b\xe4\0'), 10_000_000_000);
  t.is(field('\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'), -1);
  t.is(field('\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x0c'), -500);
});

test('base-256 numbers beyond a double are infinite, not rounded', (t) => {
  t.is(field('\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff'), Number.POSITIVE_INFINITY);
  t.is(field('\x80\0\0\0\0\x20\0\0\0\0\0\0'), Number.POSITIVE_INFINITY);
  t.is(field('\x80\0\0\0\0\x1f\xff\xff\xff\xff\xff\xff'), Number.MAX_SAFE_INTEGER);
  t.is(field('\xc0\0\0\0\0\0\0\0\0\0\0\0'), Number.NEGATIVE_INFINITY);
});

test('every safe integer survives base 256', (t) => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const bytes = Buffer.alloc(12, value < 0 ? 0xff : 0);
      bytes.writeBigInt64BE(BigInt(value), 4);
      bytes[0]! |= 0x80;
      return parseField(bytes, 0, 12) === value;
    }),
  );
  t.pass();
});

test('decimals of PAX records are digits and a minus', (t) => {
  t.is(parseDecimal('0'), 0);
  t.is(parseDecimal('9007199254740991'), Number.MAX_SAFE_INTEGER);
  t.is(parseDecimal('9007199254740992'), Number.POSITIVE_INFINITY);
  t.is(parseDecimal('-12'), -12);
  t.is(parseDecimal(`-${'9'.repeat(400)}`), Number.NEGATIVE_INFINITY);
  for (const text of ['', '-', '+1', ' 1', '1 ', '0x10', '1e3', '1.0', 'Infinity']) {
    t.is(parseDecimal(text), Number.NaN, text);
  }
});

test('PAX times keep nanoseconds; finer digits are dropped, not rounded', (t) => {
  t.deepEqual(parseTime('1700000000'), { sec: 1700000000, nsec: 0 });
  t.deepEqual(parseTime('1700000000.5'), { sec: 1700000000, nsec: 500_000_000 });
  t.deepEqual(parseTime('1.123456789'), { sec: 1, nsec: 123_456_789 });
  t.deepEqual(parseTime('1.9999999999'), { sec: 1, nsec: 999_999_999 });
  t.deepEqual(parseTime('1.'), { sec: 1, nsec: 0 });
});

test('PAX times before the epoch count down from it', (t) => {
  t.deepEqual(parseTime('-1'), { sec: -1, nsec: 0 });
  t.deepEqual(parseTime('-1.5'), { sec: -2, nsec: 500_000_000 });
  t.deepEqual(parseTime('-0.25'), { sec: -1, nsec: 750_000_000 });
  t.deepEqual(parseTime('-1.0000000009'), { sec: -1, nsec: 0 });
});

test('a malformed time is undefined', (t) => {
  for (const text of ['', '.5', 'x', '1.x', '1.5.5', '1.-5', '--1', '1e3', '9'.repeat(30)]) {
    t.is(parseTime(text), undefined, text);
  }
});
