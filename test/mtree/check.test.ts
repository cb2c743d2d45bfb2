import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type CheckOptions, check, type Keyword, MtreeError, parse, umociKeywords, walk } from 'mtree-ts';
import { tmpdir } from '../helpers/tmp.js';
import { bytes, makeTree, oddNames } from './fixture.js';

const keywords: Keyword[] = umociKeywords.filter((keyword) => keyword !== 'xattr');

/** Deltas in short: `type path keyword ...`. */
function deltas(root: string, manifest: ReturnType<typeof parse>, options?: CheckOptions): string[] {
  return check(root, manifest, options).map(({ type, path, diffs }) =>
    [type, path, ...diffs.map(({ name }) => name).sort()].join(' '),
  );
}

test('a walked tree is as its manifest says, odd names included', (t) => {
  const root = tmpdir(t);
  makeTree(root);
  const manifest = walk(root, { keywords });
  for (const name of oddNames) t.is(manifest.get(name)?.type, 'file', JSON.stringify(name));
  t.is(manifest.get('symlink')?.link, 'target with sp#ce\xff');
  t.deepEqual(deltas(root, manifest, { strict: true }), []);
});

test('finds what changed, with every keyword that differs', (t) => {
  const root = tmpdir(t);
  makeTree(root);
  const manifest = walk(root, { keywords });
  writeFileSync(bytes(root, '\xff\xfe'), 'CONTENT OF \xff\xfe\n');
  utimesSync(bytes(root, '\xff\xfe'), 3, 3);
  chmodSync(join(root, 'plain'), 0o4711);
  rmSync(join(root, 'sub/up'));
  writeFileSync(join(root, 'sub/up'), '..');
  utimesSync(join(root, 'sub/up'), 3, 3);
  rmSync(join(root, 'sub/deep'), { recursive: true });
  symlinkSync('nowhere', join(root, 'zz/new'));
  const found = deltas(root, manifest, { strict: true }).filter((delta) => !/ (?:sub|zz)(?: |$)/.test(delta));
  t.deepEqual(
    found,
    [
      'missing sub/deep',
      'missing sub/deep/er',
      // one inode, two names
      'modified plain mode',
      'modified sub/hardlink mode',
      'modified sub/up link mode tar_time type',
      'extra zz/new',
      'modified \xff\xfe sha256digest tar_time',
    ].sort((a, b) => (a.split(' ')[1]! < b.split(' ')[1]! ? -1 : 1)),
  );
});

test('content is read only where a digest can still matter', (t) => {
  const root = tmpdir(t);
  for (const name of ['grown', 'replaced', 'same']) writeFileSync(join(root, name), 'abc');
  const manifest = parse(
    '. type=dir\ngrown size=2 sha256=0\nreplaced type=fifo sha256=0\nsame size=3 sha256=0\n..\n',
  );
  t.deepEqual(deltas(root, manifest), [
    'modified grown size',
    'modified replaced type',
    'modified same sha256digest',
  ]);
});

test('fifos and devices are not opened, symbolic links not followed', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'dir'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  symlinkSync('/', join(root, 'dir/root'));
  const manifest = walk(root, { keywords: [...keywords, 'md5digest', 'cksum'] });
  t.deepEqual([...manifest.byPath.keys()], ['.', 'fifo', 'dir', 'dir/root']);
  t.false(manifest.get('fifo')?.has('sha256digest'));
  t.deepEqual(deltas(root, manifest), []);
});

test('the root may be a symbolic link, and must be a directory', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'dir'));
  writeFileSync(join(root, 'dir/file'), '');
  symlinkSync('dir', join(root, 'link'));
  t.deepEqual([...walk(join(root, 'link')).byPath.keys()], ['.', 'file']);
  t.deepEqual([...walk(Buffer.from(join(root, 'link'))).byPath.keys()], ['.', 'file']);
  const codeOf = (path: string) => t.throws(() => walk(path), { instanceOf: MtreeError })?.code;
  t.is(codeOf(join(root, 'dir/file')), 'NOT_A_DIRECTORY');
  t.is(codeOf(join(root, 'absent')), 'UNREADABLE');
});

test('leaves out what is excluded, with all below it', (t) => {
  const root = tmpdir(t);
  makeTree(root);
  const exclude = (path: string) => path === 'sub' || path === 'plain';
  const names = [...walk(root, { exclude }).byPath.keys()];
  t.true(names.includes('zz/none'));
  t.false(names.some((name) => name === 'plain' || name.startsWith('sub')));

  const manifest = walk(root, { keywords });
  rmSync(join(root, 'sub/file'));
  rmSync(join(root, 'plain'));
  writeFileSync(join(root, 'plain'), 'x');
  writeFileSync(join(root, 'zz/none'), 'x');
  t.deepEqual(deltas(root, manifest, { exclude, keywords: ['size'] }), ['modified zz/none size']);
});

test('flags of the manifest: optional, nochange, ignore', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'ignored'));
  writeFileSync(join(root, 'ignored/extra'), '');
  writeFileSync(join(root, 'free'), '123');
  const manifest = parse(
    '. type=dir\n  gone optional\n  free nochange type=link\n  ignored type=dir ignore\n    absent\n..\n..\n',
  );
  t.deepEqual(deltas(root, manifest), []);
  rmSync(join(root, 'free'));
  rmSync(join(root, 'ignored'), { recursive: true });
  t.deepEqual(deltas(root, manifest), ['missing free', 'missing ignored', 'missing ignored/absent']);
});

test('looks at the types asked for only', (t) => {
  const root = tmpdir(t);
  makeTree(root);
  const manifest = walk(root, { keywords: ['type', 'mode'] });
  chmodSync(join(root, 'empty'), 0o711);
  chmodSync(join(root, 'plain'), 0o711);
  rmSync(join(root, 'symlink'));
  t.deepEqual(deltas(root, manifest, { types: ['dir'] }), ['modified empty mode']);
});

test('a file that cannot be read is errored, the rest is checked', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'dir'));
  writeFileSync(join(root, 'a'), 'a');
  writeFileSync(join(root, 'dir/b'), 'b');
  const xattrs = (path: Buffer) => {
    if (path.toString().endsWith('/dir')) throw Object.assign(new Error('no'), { code: 'EACCES' });
    return new Map([['user.k', Buffer.from('v')]]);
  };
  const manifest = parse('. type=dir\na type=file size=2\ndir type=dir\nb type=file\n..\n..\n');
  const found = check(root, manifest, { keywords: ['size', 'xattr'], xattrs });
  t.deepEqual(
    found.map(({ type, path }) => [type, path]),
    [
      ['modified', '.'],
      ['modified', 'a'],
      ['errored', 'dir'],
    ],
  );
  t.regex(found[2]!.error!.message, /EACCES/);
  t.throws(() => walk(root, { keywords: ['xattr'], xattrs }), { code: 'UNREADABLE', message: /dir.*EACCES/ });
});

test('each extended attribute is a keyword of its own', (t) => {
  const root = tmpdir(t);
  writeFileSync(join(root, 'a'), '');
  const withXattrs = (pairs: Record<string, string>) => ({
    keywords: ['type', 'xattr'] as Keyword[],
    xattrs: (path: Buffer) =>
      new Map(
        path.toString().endsWith('/a') ? Object.entries(pairs).map(([k, v]) => [k, Buffer.from(v)]) : [],
      ),
  });
  const manifest = walk(root, withXattrs({ 'user.same': '1', 'user.changed': '1', 'user.gone': '' }));
  const now = withXattrs({ 'user.same': '1', 'user.changed': '2', 'user.new': '' });
  t.deepEqual(deltas(root, manifest, now), ['modified a xattr.user.changed xattr.user.gone xattr.user.new']);
});

test('a requested keyword that cannot be checked is an error', (t) => {
  const root = tmpdir(t);
  const codeOf = (action: () => void) => t.throws(action, { instanceOf: MtreeError })?.code;
  t.is(
    codeOf(() => walk(root, { keywords: ['xattr'] })),
    'NO_XATTRS',
  );
  t.is(
    codeOf(() => check(root, parse('. type=dir xattr.user.a=AA==\n..\n'))),
    'NO_XATTRS',
  );
  t.is(
    codeOf(() => check(root, parse('. type=dir\n..\n'), { keywords: ['sha3'] })),
    'UNKNOWN_KEYWORD',
  );
  t.is(
    codeOf(() => check(root, parse('. type=dir what=1\n..\n'), { strict: true })),
    'UNKNOWN_KEYWORD',
  );
  t.notThrows(() => check(root, parse('. type=dir what=1\n..\n')));
});

test('times before 1970 and nanoseconds survive', (t) => {
  const root = tmpdir(t);
  writeFileSync(join(root, 'a'), '');
  execFileSync('touch', ['-d', '1969-12-31T23:59:58.123456789Z', join(root, 'a')]);
  const [entry] = walk(root, { keywords: ['time', 'tar_time'] }).entries.filter(({ path }) => path === 'a');
  t.is(entry?.get('time'), '-2.123456789');
  t.is(entry?.get('tar_time'), '-2.000000000');
});
