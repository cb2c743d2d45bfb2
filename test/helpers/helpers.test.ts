import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { buildImage } from './image.js';
import { requires } from './requires.js';
import { tar, utf8 } from './tar.js';
import { removeDirectories, tmpdir } from './tmp.js';
import { diffTrees, treeOf } from './tree.js';

const long = `deep/${'d'.repeat(90)}/${'n'.repeat(120)}`;

test('GNU tar reads the tars that tests write: types, owners, long names, attributes', (t) => {
  if (!requires(t, 'root', 'tar', 'python3')) return;
  const dir = tmpdir(t);
  const bytes = tar([
    { name: 'dir/', type: 'dir', mode: 0o2750, uid: 7, gid: 8, mtime: 12 },
    { name: 'dir/file', content: 'abc', mode: 0o4755, uid: 3_000_000_000, gid: 70_000, mtime: 1.25 },
    { name: 'dir/hard', type: 'hardlink', linkname: 'dir/file' },
    { name: utf8('dir/é\n'), type: 'symlink', linkname: '../etc' },
    { name: 'dev', type: 'char', devMajor: 1, devMinor: 3, mode: 0o666 },
    { name: 'fifo', type: 'fifo' },
    { name: 'deep/', type: 'dir' },
    { name: long, content: 'pax', xattrs: { 'user.bin': Buffer.from([0, 255, 10]) } },
    { name: `${long}g`, content: 'gnu', format: 'gnu', uid: 4_000_000_000 },
  ]);
  execFileSync('tar', ['-x', '-p', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-C', dir], {
    input: bytes,
  });
  const tree = treeOf(dir);
  t.like(tree.get('dir'), { type: 'dir', mode: '2750', owner: '7:8', mtime: '12.000000000' });
  t.like(tree.get('dir/file'), { mode: '4755', owner: '3000000000:70000', mtime: '1.250000000', size: 3 });
  t.deepEqual(tree.get('dir/hard')?.links, ['dir/file', 'dir/hard']);
  t.like(tree.get(utf8('dir/é\n')), { type: 'symlink', target: '../etc' });
  t.like(tree.get('dev'), { type: 'char', device: '1,3' });
  t.is(tree.get('fifo')?.type, 'fifo');
  t.deepEqual(tree.get(long)?.xattrs, { 'user.bin': '00ff0a' });
  t.is(tree.get(`${long}g`)?.owner, '4000000000:0');
});

test('diffTrees names each difference', (t) => {
  if (!requires(t, 'python3')) return;
  const [a, b] = [join(tmpdir(t), 'a'), join(tmpdir(t), 'b')];
  for (const [dir, content] of [
    [a, 'x'],
    [b, 'y'],
  ] as const) {
    mkdirSync(dir);
    writeFileSync(join(dir, 'f'), content);
  }
  writeFileSync(join(b, 'g'), '');
  const differences = diffTrees(treeOf(a), treeOf(b), (_, field) => field === 'mtime');
  t.deepEqual(
    differences.map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['"f": sha256', '"g": only'],
  );
});

test('a directory that cannot be removed does not keep the others', (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const dir = tmpdir(t);
  const names = ['a', 'mounted', 'z'].map((name) => join(dir, name));
  for (const name of names) mkdirSync(name);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', names[1]!]);
  try {
    t.throws(() => removeDirectories(names), { instanceOf: AggregateError, message: /EBUSY.*mounted/ });
    t.deepEqual(readdirSync(dir), ['mounted']);
  } finally {
    execFileSync('umount', [names[1]!]);
  }
});

test('umoci and skopeo accept the images that tests build', (t) => {
  if (!requires(t, 'root', 'umoci', 'skopeo')) return;
  const image = buildImage(t, [[{ name: 'etc/', type: 'dir' }], [{ name: 'etc/motd', content: 'hello' }]]);
  const copy = join(tmpdir(t), 'copy');
  execFileSync('skopeo', ['copy', '-q', `oci:${image.reference}`, `oci:${copy}:x`]);
  execFileSync('umoci', ['unpack', '--image', image.reference, join(tmpdir(t), 'bundle')]);
  t.pass();
});
