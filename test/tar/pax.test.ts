import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { layerBudget } from '../../src/tar/budget.js';
import fc from '../helpers/properties.js';
import { paxRecords, type RawEntry, tar } from '../helpers/tar.js';
import { readAll, readOne } from './read.js';

function reasonOf(entries: RawEntry[]): string {
  const error = caught(() => readAll(tar(entries)));
  return isLayerhookError(error, 'TAR_INVALID') ? String(error.details.reason) : `not refused: ${error}`;
}

function caught(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('PAX records win over the header', (t) => {
  const entry = readOne(
    tar([
      {
        name: 'short',
        type: 'symlink',
        linkname: 'to',
        pax: {
          path: 'dir/long',
          linkpath: 'target',
          uid: '4294967294',
          gid: '3000000',
          uname: 'u\xfc',
          gname: 'g',
          mtime: '-2.25',
          comment: 'ignored',
          'VENDOR.key': 'ignored',
        },
      },
    ]),
  );
  t.like(entry, {
    name: 'dir/long',
    linkname: 'target',
    uid: 4294967294,
    gid: 3_000_000,
    uname: 'u\xfc',
    gname: 'g',
    mtime: { sec: -3, nsec: 750_000_000 },
  });
});

test('a PAX header is for the next entry only', (t) => {
  const [first, second] = readAll(
    tar([
      { name: 'a', pax: { path: 'A', uid: '5' } },
      { name: 'b', uid: 6 },
    ]),
  );
  t.like(first, { name: 'A', uid: 5 });
  t.like(second, { name: 'b', uid: 6 });
});

test('an empty value of a record leaves the value of the header', (t) => {
  const entry = readOne(
    tar([
      {
        name: 'f',
        uid: 7,
        uname: 'me',
        mtime: 9,
        pax: { path: '', uid: '', uname: '', mtime: '', size: '' },
      },
    ]),
  );
  t.like(entry, { name: 'f', uid: 7, uname: 'me', mtime: { sec: 9, nsec: 0 } });
});

test('xattrs are binary, and may be empty', (t) => {
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  const entry = readOne(
    tar([
      {
        name: 'ping',
        xattrs: { 'security.capability': capability, 'user.empty': '', 'user.nl': 'a\nb=c\0' },
      },
    ]),
  );
  t.deepEqual([...entry.xattrs.keys()], ['security.capability', 'user.empty', 'user.nl']);
  t.deepEqual(entry.xattrs.get('security.capability'), capability);
  t.is(entry.xattrs.get('user.empty')?.length, 0);
  t.is(entry.xattrs.get('user.nl')?.toString('latin1'), 'a\nb=c\0');
});

test('libarchive xattrs: names URL-encoded, values base64; SCHILY ones win', (t) => {
  const entry = readOne(
    tar([
      {
        name: 'f',
        pax: {
          'LIBARCHIVE.xattr.user.a%20b%3D': 'AAH/',
          'LIBARCHIVE.xattr.user.both': 'eA',
          'SCHILY.xattr.user.both': 'schily',
        },
      },
    ]),
  );
  t.deepEqual(entry.xattrs.get('user.a b='), Buffer.from([0, 1, 255]));
  t.is(entry.xattrs.get('user.both')?.toString(), 'schily');
});

test('any bytes survive as xattr values and names', (t) => {
  const name = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
    minLength: 1,
  });
  fc.assert(
    fc.property(
      name,
      fc.uint8Array({ maxLength: 600 }),
      fc.integer({ min: 1, max: 700 }),
      (path, value, chunk) => {
        const entry = readOne(tar([{ name: 'f', pax: { path }, xattrs: { 'user.x': value } }]), chunk);
        return entry.name === path && entry.xattrs.get('user.x')!.equals(value);
      },
    ),
    { numRuns: 200 },
  );
  t.pass();
});

test('the size of PAX is that of the content, and of the next file only', (t) => {
  const entries = readAll(
    tar([
      { name: 'f', content: 'x'.repeat(700), size: 0, pax: { size: '700' } },
      { name: 'g', content: 'yy' },
    ]),
  );
  t.deepEqual(
    entries.map((e) => [e.name, e.size, e.content.length]),
    [
      ['f', 700, 700],
      ['g', 2, 2],
    ],
  );
});

test('CVE-2025-62518: with the size in PAX alone, content is never read as headers', (t) => {
  const inner = tar([{ name: 'smuggled', content: 'evil' }], { trailer: false });
  const entries = readAll(
    tar([
      { name: 'inner.tar', content: inner, size: 0, pax: { size: String(inner.length) } },
      { name: 'next' },
    ]),
  );
  t.deepEqual(
    entries.map((e) => e.name),
    ['inner.tar', 'next'],
  );
});

test('CVE-2026-53655: a size of PAX is not that of a long name or another header in between', (t) => {
  const entries = readAll(
    tar([
      { name: 'p', type: 'pax', content: paxRecords({ size: '1024' }) },
      { name: '././@LongLink', type: 'L', content: `${'n'.repeat(150)}\0` },
      { name: 'n', content: 'z'.repeat(1024), size: 0 },
      { name: 'next' },
    ]),
  );
  t.deepEqual(
    entries.map((e) => [e.name.length, e.size]),
    [
      [150, 1024],
      [4, 0],
    ],
  );
});

test('a PAX size of an entry without content is refused: some readers would skip the entries behind it', (t) => {
  for (const type of ['symlink', 'hardlink', 'dir', 'char', 'fifo'] as const) {
    t.regex(
      reasonOf([{ name: 'e', type, linkname: 'x', pax: { size: '512' } }, { name: 'hidden' }]),
      /has a PAX size/,
    );
    t.is(readAll(tar([{ name: 'e', type, pax: { size: '0' } }])).length, 1);
  }
});

test('CVE-2026-59875: a NUL in a name or a keyword is refused', (t) => {
  for (const key of ['path', 'linkpath', 'uname', 'gname', 'GNU.sparse.name']) {
    t.is(reasonOf([{ name: 'f', pax: { [key]: 'etc/passwd\0.txt' } }]), `PAX ${key} holds a NUL`);
  }
  t.is(reasonOf([{ name: 'f', pax: { 'path\0': 'x' } }]), 'a PAX keyword holds a NUL');
  t.is(reasonOf([{ name: 'f', pax: { 'SCHILY.xattr.user.\0': 'x' } }]), 'a PAX keyword holds a NUL');
  t.is(reasonOf([{ name: 'f', pax: { 'LIBARCHIVE.xattr.user.%00': '' } }]), 'an xattr has no valid name');
});

test('malformed records are refused', (t) => {
  const refused: [string, string][] = [
    ['x', 'a PAX record has no length'],
    [' a=b\n', 'a PAX record is longer than its header'],
    ['-6 a=b\n', 'a PAX record has no length'],
    ['99 a=b\n', 'a PAX record is longer than its header'],
    ['0 a=b\n', 'a PAX record is longer than its header'],
    ['2 a=b\n', 'a PAX record is longer than its header'],
    ['6 a=b_\n', 'a PAX record does not end in a newline'],
    ['6 ab\n\n', 'a PAX record has no keyword'],
    ['6 =ab\n', 'a PAX record has no keyword'],
    ['6 a=b\n\0\0', 'a PAX record has no length'],
    ['99999999999999999999 a=b\n', 'a PAX record is longer than its header'],
    ['13 mtime=now\n', 'PAX mtime is malformed'],
  ];
  for (const [content, reason] of refused) {
    t.is(reasonOf([{ name: 'p', type: 'pax', content }, { name: 'f' }]), reason, content);
  }
});

test('a global header is legal, and gives what entries do not say themselves', (t) => {
  const [first, second, third] = readAll(
    tar([
      {
        name: 'g',
        type: 'global',
        content: paxRecords({ comment: 'git commit', mtime: '77.5', uname: 'all' }),
      },
      { name: 'a' },
      { name: 'b', pax: { mtime: '88' } },
      { name: 'c', mtime: 99, pax: { mtime: '', uname: '' } },
    ]),
  );
  t.like(first, { name: 'a', mtime: { sec: 77, nsec: 500_000_000 }, uname: 'all' });
  t.like(second, { name: 'b', mtime: { sec: 88, nsec: 0 }, uname: 'all' });
  t.like(third, { name: 'c', mtime: { sec: 99, nsec: 0 }, uname: '' });
});

test('a later global header is laid over an earlier one', (t) => {
  const global = (records: Record<string, string>) => ({
    name: 'g',
    type: 'global',
    content: paxRecords(records),
  });
  const entries = readAll(
    tar([
      global({ mtime: '1', uid: '5' }),
      { name: 'a' },
      global({ mtime: '2' }),
      { name: 'b' },
      global({ uid: '' }),
      { name: 'c' },
    ]),
  );
  t.deepEqual(
    entries.map((e) => [e.mtime.sec, e.uid]),
    [
      [1, 5],
      [2, 5],
      [2, 0],
    ],
  );
});

test('a global header must not say what readers disagree on', (t) => {
  for (const key of ['path', 'linkpath', 'size', 'GNU.sparse.major']) {
    const global = { name: 'g', type: 'global', content: paxRecords({ [key]: '1' }) };
    t.is(reasonOf([global, { name: 'f' }]), `a global PAX header sets ${key} for all entries`);
  }
  const xattr = { name: 'g', type: 'global', content: paxRecords({ 'SCHILY.xattr.user.x': '1' }) };
  t.is(reasonOf([xattr, { name: 'f' }]), 'a global PAX header sets xattrs for all entries');
});

test('headers that readers understand differently are refused', (t) => {
  const pax = { name: 'p', type: 'pax', content: paxRecords({ path: 'one' }) };
  const long = { name: 'l', type: 'L', content: 'two\0' };
  t.is(reasonOf([pax, long, { name: 'f' }]), 'an entry has two long names');
  const global = { name: 'g', type: 'global', content: paxRecords({ comment: 'x' }) };
  t.is(reasonOf([pax, global, { name: 'f' }]), 'a global header stands between a header and its entry');
  t.is(reasonOf([pax]), 'the tar ends between an extended header and its entry');
});

test('a PAX header or long name over 1 MiB is refused before it is read', (t) => {
  for (const type of ['x', 'g', 'L', 'K']) {
    const error = caught(() => readAll(tar([{ name: 'm', type, size: 2 ** 30 }])));
    t.true(isLayerhookError(error, 'LIMIT_EXCEEDED'), String(error));
    t.regex(String(error), /\(1073741824 bytes\) is over the limit of 1048576/);
  }
});

test('limits can be set', (t) => {
  const archive = tar([{ name: 'a' }, { name: 'b' }, { name: 'x'.repeat(300) }]);
  t.is(readAll(archive, 512, { budget: layerBudget({ entries: 3 }) }).length, 3);
  const tooMany = caught(() => readAll(archive, 512, { budget: layerBudget({ entries: 2 }) }));
  t.true(isLayerhookError(tooMany, 'LIMIT_EXCEEDED'));
  const tooLong = caught(() => readAll(archive, 512, { budget: layerBudget({ 'header-size': 200 }) }));
  t.true(isLayerhookError(tooLong, 'LIMIT_EXCEEDED'));
});
