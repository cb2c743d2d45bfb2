import test from 'ava';
import {
  append,
  formatTable,
  parseToml,
  removeTable,
  removeValue,
  sameToml,
  setValue,
} from '../../src/text/toml-edit.js';

const text = `# head
version = 2 # two
list = [
  "a", # first
  "b]",
]

[plugins."a.b".c] # table
  x = """
[not.a.table]
"""
  d.e = 'dotted' # e
  [plugins."a.b".c.inner]
    y = { z = 1 } # inline
[[array]]
n = 1
[[array]]
n = 2
# tail`;
const table = ['plugins', 'a.b', 'c'];
const parse = (source: string) => parseToml(source, (reason) => new Error(reason));

test('a value is replaced in its place, comments stay', (t) => {
  t.is(setValue(text, [], 'version', 3), text.replace('version = 2', 'version = 3'));
  t.is(setValue(text, [], 'list', ['c']), text.replace(/\[\n.*?\n\](?=\n)/s, '[ "c" ]'));
  t.is(setValue(text, [...table, 'd'], 'e', 'new "x"'), text.replace("'dotted'", '"new \\"x\\""'));
  t.is(setValue(text, [...table, 'inner'], 'y', true), text.replace('{ z = 1 }', 'true'));
});

test('a new value is the first of its table, or in front of all tables', (t) => {
  t.is(setValue(text, table, 'new', 1), text.replace('# table\n', '# table\nnew = 1\n'));
  t.is(setValue(text, [...table, 'inner'], 'new', 1), text.replace('c.inner]\n', 'c.inner]\n    new = 1\n'));
  t.is(setValue(text, [], 'new', 1), text.replace('version', 'new = 1\nversion'));
});

test('a missing table is added at the end', (t) => {
  const changed = setValue(text, ['other', 'x.y'], 'k', 'v');
  t.is(changed, `${text}\n\n[other."x.y"]\n  k = "v"\n`);
});

test('a table is removed with those below it, nothing else', (t) => {
  const changed = removeTable(text, table);
  t.is(changed, text.slice(0, text.indexOf('\n[plugins')) + text.slice(text.indexOf('[[array]]')));
  t.is(removeTable(text, [...table, 'd']), text.replace("  d.e = 'dotted' # e\n", ''));
  t.is(removeTable(text, ['nothing']), text);
});

test('removing is the opposite of adding', (t) => {
  const added = formatTable(['r', 'a.b'], {
    s: 'x',
    n: 1,
    list: ['a'],
    inner: { b: true, more: { c: 1.5 } },
  });
  t.deepEqual(parse(added), {
    r: { 'a.b': { s: 'x', n: 1, list: ['a'], inner: { b: true, more: { c: 1.5 } } } },
  });
  for (const before of [text, `${text}\n`, 'a = 1\n', '']) {
    const after = append(before, added);
    t.true(sameToml(parse(removeTable(after, ['r'])), parse(before)));
    t.is(removeTable(after, ['r']).trimEnd(), before.trimEnd());
  }
  t.is(removeValue(setValue(text, table, 'new', 1), table, 'new'), text);
});

test('malformed TOML is an error with its line', (t) => {
  t.throws(() => parse('a = 1\nb = \n'), { message: /line 2 is not TOML/ });
});
