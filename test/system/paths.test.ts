import test from 'ava';
import { lexicalPath, plainPath } from '../../src/system/paths.js';

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
