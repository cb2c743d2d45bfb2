import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { cleanPath, collectDelta } from '../../src/points/delta.js';
import { fromText } from '../../src/system/bytes.js';
import { tmpdir } from '../helpers/tmp.js';

const { signal } = new AbortController();

test('paths are cleaned; the rootfs itself is .', (t) => {
  const clean = {
    a: 'a',
    '/a/b': 'a/b',
    './a//b/': 'a/b',
    'a/./b': 'a/b',
    '.': '.',
    '/': '.',
    '..a/b..': '..a/b..',
  };
  for (const [path, expected] of Object.entries(clean)) t.is(cleanPath(path), expected);
});

test('paths that leave the rootfs, are empty or have a NUL are errors', (t) => {
  for (const path of ['..', '../x', 'a/../../x', '/..', 'a/..', '', 'a\0b']) {
    t.throws(() => cleanPath(path), { name: 'Error' }, JSON.stringify(path));
  }
});

test('kinds that are left out are looked up, without following links', async (t) => {
  const rootfs = tmpdir(t);
  mkdirSync(join(rootfs, 'etc'));
  writeFileSync(join(rootfs, 'etc/hosts'), '');
  writeFileSync(join(rootfs, 'höme'), '');
  symlinkSync('/nowhere', join(rootfs, 'dangling'));
  symlinkSync('etc', join(rootfs, 'link'));
  const paths = [
    '.',
    'etc/hosts',
    'dangling',
    'gone',
    'gone/deep',
    'link/hosts',
    'etc/hosts/x',
    fromText('höme'),
  ];
  const given = [...paths.map((path) => ({ path })), { path: 'new', kind: 'add' as const }];
  const kinds = ['modify', 'modify', 'modify', 'delete', 'delete', 'delete', 'delete', 'modify', 'add'];
  const changes = await collectDelta(given, rootfs, signal);
  t.deepEqual(
    changes.map(({ kind }) => kind),
    kinds as never,
  );
  t.deepEqual(changes.at(-2)?.path, 'h\u00c3\u00b6me');
});

test('a path given twice is one change; with different kinds the rootfs decides', async (t) => {
  const rootfs = tmpdir(t);
  writeFileSync(join(rootfs, 'x'), '');
  async function* stream() {
    yield { path: 'x', kind: 'delete' as const };
    yield { path: '/x', kind: 'add' as const };
    yield { path: 'y', kind: 'add' as const };
    yield { path: './y', kind: 'add' as const };
  }
  t.deepEqual(await collectDelta(stream(), rootfs, signal), [
    { path: 'x', kind: 'modify' },
    { path: 'y', kind: 'add' },
  ]);
});

test('the identity of a file is kept, unless a path has two', async (t) => {
  const rootfs = tmpdir(t);
  const given = [
    { path: 'a', kind: 'add' as const, inode: '1' },
    { path: 'b', kind: 'add' as const, inode: '1' },
    { path: 'b', kind: 'add' as const, inode: '2' },
  ];
  t.deepEqual(await collectDelta(given, rootfs, signal), [given[0], { path: 'b', kind: 'add' }]);
});

test('a malformed change is an error that names it', async (t) => {
  const rootfs = tmpdir(t);
  const bad = (stream: unknown, message: RegExp) =>
    t.throwsAsync(collectDelta(stream, rootfs, signal), { message });
  await bad(undefined, /expected an iterable of \{path, kind\?, inode\?\}, got nothing/);
  await bad(['etc'], /expected \{path, kind\?, inode\?\}, got "etc"/);
  await bad([{ path: 'x', mode: 1 }], /unknown key mode/);
  await bad([{ path: 'x', kind: 'changed' }], /kind: expected add, modify or delete, got "changed"/);
  await bad([{ path: 'x', inode: 7 }], /inode: expected a string, got 7/);
  await bad([{ kind: 'add' }], /path: expected a string, got nothing/);
  await bad([{ path: 'a/../../etc' }], /\.\./);
  await bad([{ path: '日本' }], /fromText/);
  await bad([{ path: `${rootfs}/etc` }], /path of the host/);
});
