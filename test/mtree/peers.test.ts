import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { check, compare, formatManifest, type Manifest, parse, walk } from 'mtree-ts';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { makeTree } from './fixture.js';

const netbsdKeywords = [
  'all',
  'cksum,device,flags,gid,gname,link,md5,mode,nlink,rmd160,sha1,sha256,sha384,sha512,size,time,type,uid,uname',
  'sha256,type',
];

for (const keywords of netbsdKeywords) {
  test(`a tree is as NetBSD's mtree describes it: ${keywords}`, (t) => {
    if (!requires(t, 'mtree')) return;
    const root = treeIn(tmpdir(t));
    const manifest = parse(execFileSync('mtree', ['-c', '-p', root, '-k', keywords]));
    t.deepEqual([...manifest.byPath.keys()].sort(), [...walk(root).byPath.keys()].sort());
    t.deepEqual(check(root, manifest), []);
    for (const style of ['tree', 'plain'] as const) {
      const again = parse(formatManifest(manifest, { style }));
      t.deepEqual(compare(manifest, again, { strict: true }), [], style);
    }
  });
}

test("a tree is as NetBSD's mtree describes it with full paths", (t) => {
  if (!requires(t, 'mtree')) return;
  const root = treeIn(tmpdir(t));
  const relative = execFileSync('mtree', ['-c', '-p', root]);
  const full = parse(execFileSync('mtree', ['-C'], { input: relative }));
  t.deepEqual([...full.byPath.keys()].sort(), [...walk(root).byPath.keys()].sort());
  t.deepEqual(check(root, full), []);
});

for (const style of ['tree', 'plain'] as const) {
  test(`NetBSD's mtree finds a tree as our manifest says, and sees what changes: ${style}`, (t) => {
    if (!requires(t, 'mtree')) return;
    const root = treeIn(tmpdir(t));
    const keywords = [
      'type',
      'size',
      'uid',
      'gid',
      'mode',
      'nlink',
      'link',
      'time',
      'sha256digest',
      'cksum',
    ] as const;
    const file = join(tmpdir(t), 'manifest');
    const manifest = formatManifest(walk(root, { keywords })).toString('latin1');
    writeFileSync(file, formatManifest(parse(manifest), { style }));
    const validate = () => execFileSync('mtree', ['-p', root, '-f', file], { encoding: 'latin1' });
    t.is(validate(), '');
    appendFileSync(join(root, 'sub/file'), 'more');
    const error = t.throws(validate) as (Error & { stdout: string }) | undefined;
    t.regex(error!.stdout, /sub\/file/);
    t.deepEqual(
      check(root, parse(manifest)).map(({ path, diffs }) => [path, ...diffs.map(({ name }) => name)]),
      [['sub/file', 'size', 'time']],
    );
  });
}

const bsdtarOptions = [
  '',
  'mtree:all',
  'mtree:all,mtree:indent',
  'mtree:all,mtree:use-set',
  'mtree:all,mtree:indent,mtree:use-set',
  'mtree:!all,mtree:type,mtree:sha512,mtree:use-set',
  'mtree:dironly,mtree:use-set,mtree:all',
];

for (const options of bsdtarOptions) {
  test(`a tree is as bsdtar describes it: ${options || 'default'}`, (t) => {
    if (!requires(t, 'bsdtar')) return;
    const root = treeIn(tmpdir(t));
    const manifest = byBsdtar(root, options);
    const deltas = check(root, manifest, options.includes('dironly') ? { types: ['dir'] } : {});
    t.deepEqual(deltas, []);
    const found = walk(
      root,
      options.includes('dironly') ? { exclude: (_, stats) => !stats.isDirectory() } : {},
    );
    t.deepEqual([...manifest.byPath.keys()].sort(), [...found.byPath.keys()].sort());
    t.deepEqual(compare(manifest, parse(formatManifest(manifest)), { strict: true }), []);
    t.deepEqual(compare(manifest, parse(formatManifest(manifest, { style: 'plain' })), { strict: true }), []);
  });
}

test('bsdtar reads our manifest: names and types', (t) => {
  if (!requires(t, 'bsdtar')) return;
  const root = treeIn(tmpdir(t));
  for (const style of ['tree', 'plain'] as const) {
    const input = Buffer.concat([Buffer.from('#mtree\n'), formatManifest(walk(root), { style })]);
    const listed = execFileSync('bsdtar', ['-tf', '-', '--null'], { input, encoding: 'latin1' }).split('\n');
    t.is(listed.length - 1, walk(root).entries.length, style);
  }
});

test('a changed tree is no longer as bsdtar described it', (t) => {
  if (!requires(t, 'bsdtar')) return;
  const root = treeIn(tmpdir(t));
  const manifest = byBsdtar(root, 'mtree:all,mtree:use-set,mtree:indent');
  chmodSync(join(root, 'sub/file'), 0o700);
  rmSync(join(root, 'fifo'));
  writeFileSync(join(root, 'zz/new'), '');
  const deltas = check(root, manifest).map(({ path, type, diffs }) => [
    type,
    path,
    ...diffs.map(({ name }) => name),
  ]);
  t.deepEqual(deltas, [
    ['modified', '.', 'time'],
    ['missing', 'fifo'],
    ['modified', 'sub/file', 'mode'],
    ['modified', 'zz', 'time'],
    ['extra', 'zz/new'],
  ]);
});

/** Returns bsdtar's manifest of a tree. @param options bsdtar's own; empty: its default */
function byBsdtar(root: string, options: string): Manifest {
  const chosen = options === '' ? [] : [`--options=${options}`];
  return parse(execFileSync('bsdtar', ['--format=mtree', ...chosen, '-cf', '-', '-C', root, '.']));
}

function treeIn(directory: string): string {
  const root = join(directory, 'tree');
  makeTree(root);
  return root;
}
