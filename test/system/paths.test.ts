import test from 'ava';
import {
  ancestors,
  baseName,
  componentsReversed,
  lexicalPath,
  parentOf,
  plainPath,
} from '../../src/system/paths.js';

const cases: [path: string, lexical: string, plain: string | undefined][] = [
  ['', '', ''],
  ['.', '', ''],
  ['/', '', ''],
  ['./', '', ''],
  ['a', 'a', 'a'],
  ['./a/b/', 'a/b', 'a/b'],
  ['//a//./b/.', 'a/b', 'a/b'],
  ['.a/..b/c..', '.a/..b/c..', '.a/..b/c..'],
  ['...', '...', '...'],
  ['a\nb', 'a\nb', 'a\nb'],
  ['..', '', undefined],
  ['../../a', 'a', undefined],
  ['a/../../b/..', '', undefined],
  ['a/b/../c', 'a/c', undefined],
  ['a\0b', 'a\0b', undefined],
];
for (const [path, lexical, plain] of cases)
  test(`${JSON.stringify(path)} in a root`, (t) => {
    t.is(lexicalPath(path), lexical);
    t.is(plainPath(path), plain);
  });

test('a path in a tree has a parent, a name and ancestors; the root is a dot', (t) => {
  t.deepEqual(['a/b/c', 'a', '.'].map(parentOf), ['a/b', '.', '.']);
  t.deepEqual(['a/b/c', 'a', '.'].map(baseName), ['c', 'a', '.']);
  t.deepEqual(['a/b/c', 'a', '.'].map(ancestors), [['a', 'a/b'], [], []]);
  t.deepEqual(componentsReversed('/a/./b//../c'), ['c', '..', 'b', 'a']);
  for (const root of ['', '.', '/']) t.deepEqual(componentsReversed(root), []);
});
