import test from 'ava';
import { compare, formatBSD, formatJSON, formatPaths, parse } from 'mtree-ts';

const deltas = compare(
  parse('a\\040b size=1 uid=0 xattr.user.<k>=AA==\ngone\\012\\033\n'),
  parse('a\\040b size=2 uid=1\nn\\377w\\303\\251\\342\\200\\250"\\\\\n'),
);

test('text for people: one line a keyword, names quoted as Go does', (t) => {
  t.is(
    formatBSD(deltas),
    [
      '"a b": keyword "size": expected 1; got 2',
      '"a b": keyword "uid": expected 0; got 1',
      '"a b": keyword "xattr.user.<k>": expected AA==; got ',
      '"gone\\n\\x1b": missing path',
      '"n\\xffwé\\u2028\\"\\\\": unexpected path',
      '',
    ].join('\n'),
  );
  t.is(formatBSD([]), '');
});

test('JSON as gomtree has it', (t) => {
  const json = formatJSON(deltas);
  t.false(/[<>&\u2028]/.test(json));
  t.deepEqual(JSON.parse(json), [
    {
      type: 'modified',
      path: 'a b',
      keys: [
        { type: 'modified', name: 'size', old: '1', new: '2' },
        { type: 'modified', name: 'uid', old: '0', new: '1' },
        { type: 'missing', name: 'xattr.user.<k>', old: 'AA==', new: '' },
      ],
    },
    { type: 'missing', path: 'gone\n\x1b', keys: null },
    { type: 'extra', path: 'n\ufffdwé\u2028"\\', keys: null },
  ]);
});

test('paths only: those modified, or all if strict', (t) => {
  t.is(formatPaths(deltas), 'a b\n');
  t.is(formatPaths(deltas, { strict: true }), 'a b\ngone\\n\\x1b\nn\\xffwé\\u2028"\\\n');
});

test('an unreadable file is reported with the reason; hostile values do not reach the terminal', (t) => {
  const error = new Error('cannot read "x": EACCES');
  const errored = { path: 'x', type: 'errored' as const, diffs: [], old: undefined, new: undefined, error };
  t.is(formatBSD([errored]), '"x": cannot read "x": EACCES\n');
  t.is(JSON.parse(formatJSON([errored]))[0].error, error.message);
  const hostile = compare(parse('a size=\x1b[2J\n'), parse('a size=1\n'));
  t.is(formatBSD(hostile), '"a": keyword "size": expected \\x1b[2J; got 1\n');
});
