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

test('a tag follows the grammar of the image-spec', (t) => {
  const component = '[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*';
  const grammar = new RegExp(`^${component}(?:/${component})*$`);
  const nearTag = fc.stringMatching(/^[ab._:@+/-]{0,12}$/);
  fc.assert(
    fc.property(fc.oneof(nearTag, fc.string()), (tag) => {
      t.is(isTag(tag), grammar.test(tag), tag);
    }),
    { numRuns: 4000 },
  );
});

test('a tag of 32 MB is judged without overflowing the stack, and in linear time', (t) => {
  const long = 'a-'.repeat(16_000_000);
  t.false(isTag(`${long}!`));
  t.true(isTag(`${long}a`));
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
