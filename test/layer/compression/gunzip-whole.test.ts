import { gzipSync } from 'node:zlib';
import test from 'ava';
import { gunzipWhole } from '../../../src/layer/compression/gunzip-whole.js';
import { sharedInflate } from '../../../src/system/isal-shared.js';
import { sample } from './helpers.js';

const content = sample(300_000);
const limit = content.length;

const isal = sharedInflate();

/** node:zlib, and libisal2 where it is installed. Both must do the same. */
const kinds = { 'node:zlib': null, ...(isal && { libisal2: isal }) };

for (const [kind, inflate] of Object.entries(kinds)) {
  const gunzip = (bytes: Buffer, most = limit) => gunzipWhole(bytes, most, { isal: inflate });

  test(`${kind}: a file of one member`, (t) => {
    for (const bytes of [content, Buffer.alloc(0), Buffer.from('x')])
      t.true(gunzip(gzipSync(bytes))?.equals(bytes));
  });

  test(`${kind}: more than one member, or anything behind it, is not for it`, (t) => {
    const member = gzipSync('small');
    t.is(gunzip(Buffer.concat([member, member])), null);
    t.is(gunzip(Buffer.concat([member, Buffer.from('x')])), null);
  });

  test(`${kind}: neither is what is larger than it may be, or says that it is smaller`, (t) => {
    const packed = gzipSync(content);
    t.is(gunzip(packed, limit - 1), null);
    packed.writeUInt32LE(limit - 1, packed.length - 4);
    t.is(gunzip(packed), null);
    packed.writeUInt32LE(10, packed.length - 4);
    t.is(gunzip(packed), null);
  });

  test(`${kind}: neither is what is damaged or cut off`, (t) => {
    const packed = gzipSync(content);
    for (const at of [0, 3, 5000, packed.length - 10, packed.length - 6, packed.length - 2]) {
      const damaged = Buffer.from(packed);
      damaged[at]! ^= 0x55;
      t.is(gunzip(damaged), null, `byte ${at}`);
    }
    for (const length of [0, 5, 12, 17, 5000, packed.length - 9, packed.length - 1])
      t.is(gunzip(packed.subarray(0, length)), null, `${length} bytes`);
  });
}
