import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { setXattr } from '../../src/system/xattr.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { type ReadEntry, readAll } from './read.js';

/** The tree that a test archives. */
const treeOf = new WeakMap<ExecutionContext<unknown>, string>();

/** A tree with something of everything that an ordinary user may make. */
function makeTree(t: ExecutionContext<unknown>): string {
  const root = join(tmpdir(t), 'tree');
  mkdirSync(join(root, 'dir/sub'), { recursive: true });
  writeFileSync(join(root, 'dir/file'), 'content\n');
  chmodSync(join(root, 'dir/file'), 0o4711);
  linkSync(join(root, 'dir/file'), join(root, 'dir/sub/hard'));
  symlinkSync('../file', join(root, 'dir/sub/soft'));
  writeFileSync(join(root, 'empty'), '');
  mkdirSync(join(root, 'dir/sub/sticky'));
  chmodSync(join(root, 'dir/sub/sticky'), 0o1777);
  writeFileSync(join(root, 'big'), Buffer.alloc(1_234_567, 'big'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  utimesSync(join(root, 'empty'), 1_600_000_000.25, 1_600_000_000.25);
  lutimesSync(join(root, 'dir/sub/soft'), 1_500_000_000, 1_500_000_000);
  return root;
}

/** What of an entry every format can hold, by name without `./` and the slash of directories. */
function plain(entries: ReadEntry[]): Map<string, object> {
  return new Map(
    entries.map(({ name, type, mode, size, linkname, content }) => [
      name.replace(/^\.\//, '').replace(/(.)\/$/, '$1'),
      { type, mode: mode.toString(8), size, linkname: linkname.replace(/^\.\//, ''), content },
    ]),
  );
}

function checkTree(t: ExecutionContext<unknown>, archive: Buffer, label: string): void {
  const found = plain(readAll(archive));
  const file = { type: 'file', linkname: '' };
  const big = readFileSync(join(treeOf.get(t)!, 'big'));
  t.like(found.get('big'), { ...file, size: 1_234_567 }, label);
  t.true((found.get('big') as { content: Buffer }).content.equals(big), label);
  t.like(found.get('empty'), { ...file, size: 0 }, label);
  t.like(found.get('fifo'), { type: 'fifo', size: 0 }, label);
  t.like(found.get('dir'), { type: 'directory', size: 0 }, label);
  t.like(found.get('dir/sub/soft'), { type: 'symlink', linkname: '../file' }, label);
  const links = [found.get('dir/file'), found.get('dir/sub/hard')] as { type: string; mode: string }[];
  t.deepEqual(links.map((link) => link.type).sort(), ['file', 'hardlink'], label);
  t.is(links.find((link) => link.type === 'file')?.mode, '4711', label);
  t.like(found.get('dir/sub/sticky'), { type: 'directory', mode: '1777' }, label);
}

function archiveWith(t: ExecutionContext<unknown>, program: string, ...options: string[]): Buffer {
  const root = treeOf.get(t) ?? makeTree(t);
  treeOf.set(t, root);
  return execFileSync(program, [...options, '-C', root, '-cf', '-', '.'], { maxBuffer: 1 << 28 });
}

test('GNU tar, every format', (t) => {
  if (!requires(t, 'tar')) return;
  for (const format of ['v7', 'oldgnu', 'gnu', 'ustar', 'pax']) {
    // the seventh edition has no fifos
    const archive = archiveWith(
      t,
      'tar',
      `--format=${format}`,
      ...(format === 'v7' ? ['--exclude=fifo'] : []),
    );
    if (format === 'v7') t.is(plain(readAll(archive)).size, 9);
    else checkTree(t, archive, format);
  }
});

test('bsdtar, every format', (t) => {
  if (!requires(t, 'bsdtar')) return;
  for (const format of ['gnutar', 'ustar', 'pax']) {
    checkTree(t, archiveWith(t, 'bsdtar', `--format=${format}`), format);
  }
});

test('times to the nanosecond come from PAX', (t) => {
  if (!requires(t, 'tar')) return;
  const entries = readAll(archiveWith(t, 'tar', '--format=pax'));
  t.deepEqual(entries.find((e) => e.name === './empty')?.mtime, { sec: 1_600_000_000, nsec: 250_000_000 });
});

test('times before the epoch', (t) => {
  if (!requires(t, 'tar')) return;
  const root = makeTree(t);
  treeOf.set(t, root);
  execFileSync('touch', ['-d', '1969-12-31T23:59:58.25Z', join(root, 'empty')]);
  for (const [format, nsec] of [
    ['pax', 250_000_000],
    ['gnu', 0],
  ] as const) {
    const entries = readAll(archiveWith(t, 'tar', `--format=${format}`));
    t.deepEqual(entries.find((e) => e.name === './empty')?.mtime, { sec: -2, nsec }, format);
  }
});

test('long names and large owners', (t) => {
  if (!requires(t, 'tar', 'bsdtar')) return;
  const root = makeTree(t);
  treeOf.set(t, root);
  const dir = `${'a'.repeat(120)}/${'b'.repeat(120)}`;
  mkdirSync(join(root, dir), { recursive: true });
  const name = `${dir}/${'n'.repeat(200)}`;
  writeFileSync(join(root, name), 'deep');
  symlinkSync('t'.repeat(300), join(root, 'long-target'));
  for (const [program, ...options] of [
    ['tar', '--format=gnu', '--owner=:3000000', '--group=:2000000000'],
    ['tar', '--format=pax', '--owner=:3000000', '--group=:2000000000'],
    ['bsdtar', '--format=pax', '--uid=3000000', '--gid=2000000000'],
  ]) {
    const entries = readAll(archiveWith(t, program!, ...options));
    const deep = entries.find((e) => e.name === `./${name}`);
    t.like(deep, { content: Buffer.from('deep'), uid: 3_000_000, gid: 2_000_000_000 }, options[0]);
    t.is(entries.find((e) => e.name === './long-target')?.linkname, 't'.repeat(300));
  }
});

test('sparse files, every version', (t) => {
  if (!requires(t, 'tar', 'bsdtar')) return;
  const root = join(tmpdir(t), 'tree');
  mkdirSync(root);
  treeOf.set(t, root);
  const content = sparseFile(join(root, 'sparse'), 40, 40 * 65536 + 1000);
  const hole = sparseFile(join(root, 'hole'), 0, 300_000);
  for (const [program, ...options] of [
    ['tar', '--format=gnu', '--sparse'],
    ['tar', '--format=pax', '--sparse', '--sparse-version=0.0'],
    ['tar', '--format=pax', '--sparse', '--sparse-version=0.1'],
    ['tar', '--format=pax', '--sparse', '--sparse-version=1.0'],
    ['bsdtar', '--format=pax'],
  ]) {
    const archive = archiveWith(t, program!, ...options);
    const label = options.join(' ');
    t.true(archive.length < content.length / 2, `${label}: nothing is sparse here`);
    const entries = plain(readAll(archive, 10_000)) as Map<string, { content: Buffer }>;
    t.true(entries.get('sparse')?.content.equals(content), label);
    t.true(entries.get('hole')?.content.equals(hole), label);
  }
});

/** A file with 4 KiB of data at every 64 KiB. */
function sparseFile(path: string, stretches: number, size: number): Buffer {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  for (let i = 0; i < stretches; i++) writeSync(fd, Buffer.alloc(4096, `${i}`), 0, 4096, i * 65536);
  closeSync(fd);
  return readFileSync(path);
}

test('xattrs, by GNU tar and by bsdtar', (t) => {
  if (!requires(t, 'root', 'tar', 'bsdtar')) return;
  const root = makeTree(t);
  treeOf.set(t, root);
  const value = Buffer.from([0, 1, 0x0a, 0xff]);
  setXattr(join(root, 'empty'), 'trusted.binary', value);
  setXattr(join(root, 'empty'), 'trusted.none', Buffer.alloc(0));
  for (const [program, ...options] of [
    ['tar', '--xattrs', '--xattrs-include=*', '--format=pax'],
    ['bsdtar', '--xattrs', '--format=pax'],
  ]) {
    const entry = readAll(archiveWith(t, program!, ...options)).find((e) => e.name === './empty');
    t.deepEqual(entry?.xattrs.get('trusted.binary'), value, program);
    t.is(entry?.xattrs.get('trusted.none')?.length, 0, program);
  }
});
