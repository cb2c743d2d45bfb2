import { gzipSync } from 'node:zlib';
import test from 'ava';
import { gunzipWhole } from '../../../src/layer/compression/gunzip-whole.js';
import { sample } from './helpers.js';

const content = sample(300_000);
const limit = content.length;

test('a file of one member', (t) => {
  for (const bytes of [content, Buffer.alloc(0), Buffer.from('x')])
    t.true(gunzipWhole(gzipSync(bytes), limit)?.equals(bytes));
});

test('more than one member, or anything behind it, is not for it', (t) => {
  const member = gzipSync('small');
  t.is(gunzipWhole(Buffer.concat([member, member]), limit), null);
  t.is(gunzipWhole(Buffer.concat([member, Buffer.from('x')]), limit), null);
});

test('neither is what is larger than it may be, or says that it is smaller', (t) => {
  const packed = gzipSync(content);
  t.is(gunzipWhole(packed, limit - 1), null);
  packed.writeUInt32LE(limit - 1, packed.length - 4);
  t.is(gunzipWhole(packed, limit), null);
  packed.writeUInt32LE(10, packed.length - 4);
  t.is(gunzipWhole(packed, limit), null);
});

test('neither is what is damaged or cut off', (t) => {
  const packed = gzipSync(content);
  for (const at of [0, 3, 5000, packed.length - 10, packed.length - 6, packed.length - 2]) {
    const damaged = Buffer.from(packed);
    damaged[at]! ^= 0x55;
    t.is(gunzipWhole(damaged, limit), null, `byte ${at}`);
  }
  for (const length of [0, 5, 12, 17, 5000, packed.length - 9, packed.length - 1])
    t.is(gunzipWhole(packed.subarray(0, length), limit), null, `${length} bytes`);
});
