import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { TarEntry } from '../../src/layer/types.js';
import { toBuffer } from '../../src/system/bytes.js';
import { tarWriter } from '../../src/tar/writer.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

function entry(name: string, fields: Partial<TarEntry> = {}): TarEntry {
  return {
    ...{ name, type: 'file', size: 0, mode: 0o644, uid: 0, gid: 0, uname: '', gname: '' },
    ...{ mtime: { sec: 1_000_000_000, nsec: 0 }, linkname: '', devMajor: 0, devMinor: 0, xattrs: new Map() },
    ...fields,
  };
}

async function tarOf(...entries: [TarEntry, Buffer?][]): Promise<Buffer> {
  const writer = tarWriter();
  const chunks: Buffer[] = [];
  const writing = (async () => {
    for (const [head, body] of entries) await writer.write(head, body === undefined ? [] : [body]);
    writer.end();
  })();
  writing.catch(() => {});
  for await (const chunk of writer.stream) chunks.push(chunk as Buffer);
  await writing;
  return Buffer.concat(chunks);
}

function extract(dir: string, tar: Buffer, program: string): (name: string) => Buffer {
  const target = join(dir, program);
  mkdirSync(target);
  writeFileSync(`${target}.tar`, tar);
  execFileSync(program, ['-C', target, '-xpf', `${target}.tar`], {
    env: { LC_ALL: 'C.UTF-8', ...process.env },
  });
  return (name) => Buffer.concat([Buffer.from(`${target}/`), toBuffer(name)]);
}

const long = `${'d'.repeat(120)}/${'n'.repeat(180)}`;
const names = [
  'plain',
  'n'.repeat(100),
  `${'p'.repeat(150)}/${'n'.repeat(100)}`,
  'n'.repeat(101),
  long,
  'caf\u00c3\u00a9',
  'not-utf8-\u00ff\u00fe',
  'new\nline',
];

for (const program of ['tar', 'bsdtar']) {
  test(`${program} reads names of any length and bytes`, async (t) => {
    if (!requires(t, 'root', program)) return;
    const body = Buffer.from('content');
    const tar = await tarOf(...names.map((name) => [entry(name, { size: 7 }), body] as [TarEntry, Buffer]));
    t.is(tar.length % 512, 0);
    const at = extract(tmpdir(t), tar, program);
    for (const name of names) t.is(readFileSync(at(name), 'utf8'), 'content');
  });

  test(`${program} reads types, modes, owners, times and links`, async (t) => {
    if (!requires(t, 'root', program)) return;
    const target = `${'t'.repeat(90)}/\u00ff/${'x'.repeat(90)}`;
    const tar = await tarOf(
      [entry('d', { type: 'directory', mode: 0o1777 })],
      [entry('d/none', { mode: 0 })],
      [entry('d/suid', { mode: 0o4755, uid: 3_000_000_000, gid: 300_000 })],
      [entry('d/old', { mtime: { sec: -2, nsec: 500_000_000 } })],
      [entry('d/late', { mtime: { sec: 5_000_000_000, nsec: 0 } })],
      [entry('d/exact', { mtime: { sec: 12, nsec: 345_000_000 } })],
      [entry('d/link', { type: 'symlink', linkname: target, mode: 0o777 })],
      [entry(long, { size: 1 }), Buffer.from('x')],
      [entry('d/hard', { type: 'hardlink', linkname: long })],
      [entry('d/fifo', { type: 'fifo' })],
      [entry('d/null', { type: 'char', devMajor: 1, devMinor: 3 })],
      [entry('d/big', { type: 'block', devMajor: 259, devMinor: 262_143 })],
    );
    const at = extract(tmpdir(t), tar, program);
    t.is(lstatSync(at('d')).mode & 0o7777, 0o1777);
    t.is(lstatSync(at('d/none')).mode & 0o7777, 0);
    const { mode, uid, gid } = lstatSync(at('d/suid'));
    t.deepEqual([mode & 0o7777, uid, gid], [0o4755, 3_000_000_000, 300_000]);
    // libarchive counts the fraction of a time before the epoch the wrong way
    t.is(lstatSync(at('d/old')).mtimeMs, program === 'tar' ? -1500 : -500);
    t.is(lstatSync(at('d/late')).mtimeMs, 5e12);
    t.is(lstatSync(at('d/exact')).mtimeMs, 12_345);
    t.is(readlinkSync(at('d/link'), 'latin1'), target);
    t.is(lstatSync(at('d/hard')).ino, lstatSync(at(long)).ino);
    t.true(lstatSync(at('d/fifo')).isFIFO());
    t.is(lstatSync(at('d/null')).rdev, (1 << 8) | 3);
    t.true(lstatSync(at('d/big')).isBlockDevice());
  });
}

test('attributes keep any bytes', async (t) => {
  const value = Buffer.from([0, 0xff, 0x0a, 0x3d, 0x80]);
  const tar = await tarOf([
    entry('f', {
      xattrs: new Map([
        ['user.b', value],
        ['user.a', Buffer.from('1')],
      ]),
    }),
  ]);
  const text = tar.toString('latin1');
  t.true(text.includes('29 SCHILY.xattr.user.b=\0\u00ff\n=\u0080\n'));
  t.true(text.indexOf('xattr.user.a=1\n') < text.indexOf('xattr.user.b='));
});

test('only entries that need one have a PAX header', async (t) => {
  const tar = await tarOf(
    [entry('f', { uid: 0o777777, mtime: { sec: 0x7fffffff, nsec: 0 }, size: 3 }), Buffer.from('abc')],
    [entry('.wh.x', { mode: 0, mtime: { sec: 0, nsec: 0 } })],
  );
  t.is(tar.length, 512 * 3 + 1024);
  t.is(tar.indexOf('PaxHeader'), -1);
});

test('the bytes of a tar stay the same from one release to the next', async (t) => {
  const tar = await tarOf(
    [entry('.wh.gone', { mode: 0, mtime: { sec: 0, nsec: 0 } })],
    [entry('d', { type: 'directory', mode: 0o755 })],
    [entry('d/\u00ff', { size: 3, xattrs: new Map([['user.x', Buffer.from('\0')]]) }), Buffer.from('abc')],
    [entry('d/hard', { type: 'hardlink', linkname: 'd/\u00ff' })],
  );
  t.is(
    createHash('sha256').update(tar).digest('hex'),
    'ae1ebe85a3dfde9eab8c018a7919a65740561b5bd97540986f714a4a77d0c925',
  );
});

test('content of another size than announced is an error, not a broken tar', async (t) => {
  await t.throwsAsync(tarOf([entry('f', { size: 4 }), Buffer.from('abc')]));
});

test('a size over 8 GiB is in the PAX header too, and others read it', async (t) => {
  if (!requires(t, 'tar')) return;
  const size = 2 ** 33 + 5;
  const writer = tarWriter();
  const writing = writer.write(entry('big', { size }), zeros(size)).catch(() => {});
  const chunks: Buffer[] = [];
  for await (const chunk of writer.stream) {
    chunks.push(chunk as Buffer);
    if (chunks.length > 4) break;
  }
  await writing;
  const head = Buffer.concat(chunks);
  t.true(head.includes(`size=${size}\n`));
  const { stdout } = spawnSync('tar', ['-tvf', '-'], { input: head, encoding: 'utf8' });
  t.regex(stdout, /8589934597 .* big/);
});

function* zeros(size: number): Generator<Buffer> {
  const chunk = Buffer.alloc(1 << 20);
  for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
}
