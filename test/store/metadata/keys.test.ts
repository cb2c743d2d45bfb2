/** Keys of rows as text: the cache of rows compares the text, LMDB the bytes, and both must agree. */
import test from 'ava';
import { bytesOfKey, keyOfBytes, partsOf, rowKey } from '../../../src/store/metadata/keys.js';

const names = ['a', 'ä', 'a\ufffd', 'a\ud800', 'a\udc00b', '😀', 'a b', 'x'.repeat(600)];

test('two keys are equal if their bytes are', (t) => {
  const keys = names.map((name) => rowKey('name', 'client', name));
  for (const [at, key] of keys.entries()) {
    t.is(keyOfBytes(bytesOfKey(key)), key, names[at]);
    t.deepEqual(partsOf(key), ['client', Buffer.from(names[at]!).toString()]);
  }
  t.is(rowKey('name', 'client', 'a\ud800'), rowKey('name', 'client', 'a\ufffd'));
});

test('a key that is too long for LMDB is refused by its bytes', (t) => {
  const longest = (char: string) => {
    let count = 1;
    const fits = () => {
      try {
        return rowKey('name', 'client', char.repeat(count));
      } catch {
        return undefined;
      }
    };
    while (fits() !== undefined) count += 1;
    return count - 1;
  };
  t.is(longest('a'), 1900 - 'n\0client\0'.length);
  t.is(longest('€'), Math.floor((1900 - 'n\0client\0'.length) / 3));
  t.throws(() => rowKey('name', 'client', 'a\0b'), {
    code: 'SNAPSHOT_ARGUMENT',
    message: /it contains a NUL/,
  });
});
