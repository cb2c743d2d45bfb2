import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { readAll, readOne } from './read.js';

const v7 = (header: Buffer) => header.fill(0, 257, 512);

function reasonOf(entries: RawEntry[]): string {
  try {
    readAll(tar(entries));
  } catch (error) {
    if (isLayerhookError(error, 'TAR_INVALID')) return String(error.details.reason);
    throw error;
  }
  return 'accepted';
}

test('a ustar header gives all its fields', (t) => {
  const entry = readOne(
    tar([
      {
        name: 'etc/motd',
        content: 'hello',
        mode: 0o4755,
        uid: 1000,
        gid: 100,
        uname: 'me',
        gname: 'us',
        mtime: 1_700_000_000,
      },
    ]),
  );
  t.deepEqual(entry, {
    name: 'etc/motd',
    type: 'file',
    size: 5,
    mode: 0o4755,
    uid: 1000,
    gid: 100,
    uname: 'me',
    gname: 'us',
    mtime: { sec: 1_700_000_000, nsec: 0 },
    linkname: '',
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map(),
    content: Buffer.from('hello'),
  });
});

test('every type of entry', (t) => {
  const entries = readAll(
    tar([
      { name: 'd/', type: 'dir' },
      { name: 'h', type: 'hardlink', linkname: 'd/f' },
      { name: 's', type: 'symlink', linkname: '/d' },
      { name: 'c', type: 'char', devMajor: 5, devMinor: 1 },
      { name: 'b', type: 'block', devMajor: 259, devMinor: 1_048_575 },
      { name: 'p', type: 'fifo' },
      { name: 'contiguous', type: '7', content: 'x' },
      { name: 'old', type: '\0', content: 'y' },
    ]),
  );
  t.deepEqual(
    entries.map((e) => [e.name, e.type, e.linkname, e.devMajor, e.devMinor, `${e.content}`]),
    [
      ['d/', 'directory', '', 0, 0, ''],
      ['h', 'hardlink', 'd/f', 0, 0, ''],
      ['s', 'symlink', '/d', 0, 0, ''],
      ['c', 'char', '', 5, 1, ''],
      ['b', 'block', '', 259, 1_048_575, ''],
      ['p', 'fifo', '', 0, 0, ''],
      ['contiguous', 'file', '', 0, 0, 'x'],
      ['old', 'file', '', 0, 0, 'y'],
    ],
  );
});

test('the seventh edition: no magic, no owners by name, a directory is a name with a slash', (t) => {
  const [file, directory, next] = readAll(
    tar([
      { name: 'f', type: '\0', content: 'abc', uname: 'never', patch: v7 },
      // directories have no content: some old tars record the directory's own size
      { name: 'd/', type: '\0', size: 512, patch: v7 },
      { name: 'after', type: '\0', patch: v7 },
    ]),
  );
  t.like(file, { name: 'f', type: 'file', uname: '', size: 3 });
  t.like(directory, { name: 'd/', type: 'directory', size: 0 });
  t.is(next?.name, 'after');
});

test('the prefix of ustar is put before the name, with a slash', (t) => {
  const prefix = 'p'.repeat(155);
  const entry = readOne(tar([{ name: 'n'.repeat(100), patch: (h) => h.write(prefix, 345, 'latin1') }]));
  t.is(entry.name, `${prefix}/${'n'.repeat(100)}`);
});

test('star headers have a shorter prefix, with times behind it', (t) => {
  const star = (h: Buffer) => {
    h.write('dir', 345);
    h.write('14524770700\0', 476);
    h.write('tar\0', 508);
  };
  t.is(readOne(tar([{ name: 'f', patch: star }])).name, 'dir/f');
});

test('GNU headers have times where ustar has its prefix', (t) => {
  const times = (h: Buffer) => h.write('14524770700\x0014524770700\0', 345);
  t.is(readOne(tar([{ name: 'f', format: 'gnu', patch: times }])).name, 'f');
});

test('a prefix in a GNU header, as Go wrote before 1.8, is one', (t) => {
  const prefix = (h: Buffer) => h.write('usr/share/doc', 345);
  t.is(readOne(tar([{ name: 'f', format: 'gnu', patch: prefix }])).name, 'usr/share/doc/f');
});

test('GNU long names and link targets, longer than a block', (t) => {
  const name = `${'d'.repeat(200)}/${'n'.repeat(900)}`;
  const linkname = 'l'.repeat(1024);
  const entry = readOne(tar([{ name, type: 'symlink', linkname, format: 'gnu' }]));
  t.is(entry.name, name);
  t.is(entry.linkname, linkname);
});

test('a long name is for one entry only', (t) => {
  const entries = readAll(tar([{ name: 'x'.repeat(300), format: 'gnu' }, { name: 'short' }]));
  t.deepEqual(
    entries.map((e) => e.name.length),
    [300, 5],
  );
});

test('names are bytes', (t) => {
  const name = 'caf\xe9\n\x01\xff';
  t.is(readOne(tar([{ name }])).name, name);
  t.is(readOne(tar([{ name: `${name}${'x'.repeat(200)}` }])).name, `${name}${'x'.repeat(200)}`);
});

test('base-256 owners, sizes and times before the epoch', (t) => {
  const entry = readOne(
    tar([{ name: 'f', content: 'abc', uid: 3_000_000, gid: 0xfffffffe, mtime: -1000, format: 'gnu' }]),
  );
  t.like(entry, { uid: 3_000_000, gid: 0xfffffffe, mtime: { sec: -1000, nsec: 0 } });
});

test('owners that chown would take for "none" are errors, from the header and from PAX', (t) => {
  t.is(reasonOf([{ name: 'f', uid: 0xffffffff, format: 'gnu' }]), 'uid 4294967295 is not a valid owner');
  t.is(reasonOf([{ name: 'f', gid: 2 ** 40, format: 'gnu' }]), 'gid 1099511627776 is not a valid owner');
  t.is(reasonOf([{ name: 'f', uid: -1, format: 'gnu' }]), 'uid -1 is not a valid owner');
  t.is(reasonOf([{ name: 'f', pax: { gid: '4294967295' } }]), 'gid 4294967295 is not a valid owner');
  t.is(reasonOf([{ name: 'f', pax: { uid: '-1' } }]), 'uid -1 is not a valid owner');
  t.is(reasonOf([{ name: 'f', pax: { uid: 'root' } }]), 'uid is malformed or too large');
});

test('sizes that are negative or too large are errors (CVE-2026-59874)', (t) => {
  t.is(reasonOf([{ name: 'f', size: -512, format: 'gnu' }]), 'size is negative (-512)');
  t.is(reasonOf([{ name: 'f', size: 2 ** 60, format: 'gnu' }]), 'size is malformed or too large');
  t.is(reasonOf([{ name: 'f', pax: { size: '-512' } }]), 'size is negative (-512)');
  t.is(reasonOf([{ name: 'f', pax: { size: '9223372036854775807' } }]), 'size is malformed or too large');
  t.is(reasonOf([{ name: 'L', type: 'L', size: -512, format: 'gnu' }]), 'a long name has no valid size');
});

test('the checksum may be of signed bytes, and must be right', (t) => {
  const signed = (header: Buffer) => {
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + (byte > 127 ? byte - 256 : byte), 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  };
  const archive = tar([{ name: 'caf\xe9' }]);
  signed(archive.subarray(0, 512));
  t.is(readOne(archive).name, 'caf\xe9');
  t.is(reasonOf([{ name: 'f', badChecksum: true }]), 'a header has a wrong checksum');
});

test('the size of links, directories and devices is ignored', (t) => {
  for (const type of ['hardlink', 'symlink', 'char', 'block', 'dir', 'fifo'] as const) {
    const entries = readAll(tar([{ name: 'e', type, size: 512, linkname: 'x' }, { name: 'next' }]));
    t.deepEqual(
      entries.map((e) => [e.name, e.size]),
      [
        ['e', 0],
        ['next', 0],
      ],
      type,
    );
  }
});

test('an entry of a type that no layer can hold is an error that names it', (t) => {
  const error = t.throws(() => readAll(tar([{ name: 'label', type: 'V' }]), 1024, { digest: 'sha256:x' }));
  t.true(isLayerhookError(error, 'LAYER_ENTRY'));
  t.is(error?.message, 'layer sha256:x: entry label: a layer cannot hold entries of type "V"');
});
