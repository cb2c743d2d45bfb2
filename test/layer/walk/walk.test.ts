import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { comparePaths, statTree, statWord, statWords, walk } from '../../../src/layer/walk/index.js';
import { toBuffer } from '../../../src/system/bytes.js';
import { tmpdir } from '../../helpers/tmp.js';

function pathsOf(root: string): string[] {
  const paths: string[] = [];
  walk(root, (path) => {
    paths.push(path);
  });
  return paths;
}

test('visits names in byte order, what is in a directory right after it', (t) => {
  const root = tmpdir(t);
  for (const name of ['b', 'a', 'a/z', 'a b']) mkdirSync(join(root, name), { recursive: true });
  for (const name of ['a/f', 'a-', 'a.txt', 'a/z/\n']) writeFileSync(join(root, name), '');
  writeFileSync(toBuffer(`${root}/a/\u00ff\u0001`), '');
  const expected = ['.', 'a', 'a/f', 'a/z', 'a/z/\n', 'a/\u00ff\u0001', 'a b', 'a-', 'a.txt', 'b'];
  t.deepEqual(pathsOf(root), expected);
  t.deepEqual([...expected].reverse().sort(comparePaths), expected);
});

test('does not follow links, nor descend where the visitor returns false', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'd/e'), { recursive: true });
  symlinkSync('/', join(root, 'link'));
  const paths: string[] = [];
  walk(root, (path, stat) => {
    paths.push(`${path} ${stat.isSymlink}`);
    return path !== 'd';
  });
  t.deepEqual(paths, ['. false', 'd false', 'link true']);
});

test('a symlink to the root directory is followed, a missing root is an error', (t) => {
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'root/x'), { recursive: true });
  symlinkSync('root', join(dir, 'link'));
  t.deepEqual(pathsOf(join(dir, 'link')), ['.', 'x']);
  t.throws(() => pathsOf(join(dir, 'none')), {
    code: 'SYSTEM',
    message: /none: no such file or directory \(ENOENT\)/,
  });
});

test('an entry that vanishes between the listing and its stat is left out', (t) => {
  const root = tmpdir(t);
  for (const name of ['a', 'b', 'c/d']) mkdirSync(join(root, name), { recursive: true });
  const paths: string[] = [];
  walk(root, (path) => {
    paths.push(path);
    if (path === 'a') rmSync(join(root, 'b'), { recursive: true });
    if (path === 'c') rmSync(join(root, 'c'), { recursive: true });
  });
  t.deepEqual(paths, ['.', 'a', 'c']);
});

test('a table holds what stat says', (t) => {
  const root = tmpdir(t);
  writeFileSync(join(root, 'f'), 'abc', { mode: 0o640 });
  linkSync(join(root, 'f'), join(root, 'g'));
  const { paths, words } = statTree(root);
  t.deepEqual(paths, ['.', 'f', 'g']);
  t.is(words.length, 3 * statWords);
  const row = words.subarray(statWords, 2 * statWords);
  t.is(row[statWord.mode], 0o100640);
  t.is(row[statWord.size], 3);
  t.is(row[statWord.nlink], 2);
  t.deepEqual(row, words.subarray(2 * statWords));
});

test('a table grows with the tree', (t) => {
  const root = tmpdir(t);
  for (let i = 0; i < 3000; i++) writeFileSync(join(root, String(i)), '', { mode: 0o600 });
  const { paths, words } = statTree(root);
  t.is(paths.length, 3001);
  t.is(words.length, 3001 * statWords);
  t.is(words[3000 * statWords + statWord.mode], 0o100600);
});

test('a tree too deep for any path is an error', (t) => {
  const root = tmpdir(t);
  const before = process.cwd();
  process.chdir(root);
  t.teardown(() => process.chdir(before));
  for (let i = 0; i < 2100; i++) {
    mkdirSync('d');
    process.chdir('d');
  }
  process.chdir(before);
  t.throws(() => pathsOf(root), { code: 'LIMIT_EXCEEDED' });
  // the removal of the test's directory is not up to this
  execFileSync('rm', ['-rf', join(root, 'd')]);
});
