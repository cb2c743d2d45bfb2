import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { isTag, parseImageReference } from '../../src/image/references.js';
import fc from '../helpers/properties.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

test('the first colon ends the path, no colon means latest', (t) => {
  t.deepEqual(parseImageReference('dir/image'), { path: 'dir/image', tag: 'latest' });
  t.deepEqual(parseImageReference('image:a:b'), { path: 'image', tag: 'a:b' });
  t.deepEqual(parseImageReference('/a b/ü:x/y@1+2'), { path: '/a b/ü', tag: 'x/y@1+2' });
});

test('each malformed reference gets its own error message', (t) => {
  for (const [value, message] of [
    [':x', /path is empty/],
    ['', /path is empty/],
    ['a:', /tag is empty/],
    ['a\0b:c', /NUL/],
  ] as const) {
    t.throws(() => parseImageReference(value), { code: 'REFERENCE_INVALID', message }, JSON.stringify(value));
  }
});

const alphanumeric = fc.stringMatching(/^[A-Za-z0-9]{1,5}$/);
const separator = fc.constantFrom('-', '.', '_', ':', '@', '+', '--', '/');

test('every tag of the grammar is accepted and returned unchanged', (t) => {
  fc.assert(
    fc.property(
      alphanumeric,
      fc.array(fc.tuple(separator, alphanumeric), { maxLength: 6 }),
      (first, rest) => {
        const tag = first + rest.map((pair) => pair.join('')).join('');
        t.deepEqual(parseImageReference(`some/path:${tag}`), { path: 'some/path', tag });
      },
    ),
  );
});

test('a tag never begins or ends with a separator, nor has two in a row but --', (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab._:@+/-]{1,12}$/), (tag) => {
      const bad = /^[^ab]|[^ab]$|[._:@+/-][._:@+/]|[._:@+/][._:@+/-]|---/.test(tag);
      t.is(isTag(tag), !bad, tag);
    }),
    { numRuns: 2000 },
  );
});

test('a long tag is judged within a second', (t) => {
  const start = Date.now();
  t.false(isTag(`${'a-'.repeat(50_000)}!`));
  t.true(Date.now() - start < 1000);
});

test('umoci takes and refuses the same tags', (t) => {
  if (!requires(t, 'umoci')) return;
  const layout = join(tmpdir(t), 'layout');
  t.is(spawnSync('umoci', ['init', '--layout', layout]).status, 0);
  const tags = [
    'a',
    'a.b',
    'a--b',
    'a---b',
    '-a',
    'a-',
    'a/b',
    'a//b',
    'a:b',
    'a@b+c',
    'ä',
    'a b',
    'A_1',
    'a..b',
  ];
  for (const tag of tags) {
    t.is(isTag(tag), spawnSync('umoci', ['new', '--image', `${layout}:${tag}`]).status === 0, tag);
  }
});
