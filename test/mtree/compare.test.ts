import test from 'ava';
import { type CompareOptions, compare, parse } from 'mtree-ts';

/** Deltas in short: `type path keyword:old>new ...`. */
function diff(old: string, other: string, options?: CompareOptions): string[] {
  return compare(parse(old), parse(other), options).map(({ type, path, diffs }) =>
    [type, path, ...diffs.map((key) => `${key.name}:${key.old ?? ''}>${key.new ?? ''}`)].join(' '),
  );
}

test('all differing keywords of all differing files, sorted by path', (t) => {
  const old = 'b type=file size=1 mode=0644\nc type=file\na type=file uid=0\n';
  const other = 'd type=file\nb type=file size=2 mode=0600\na type=file uid=0\n';
  t.deepEqual(diff(old, other), ['modified b size:1>2 mode:0644>0600', 'missing c', 'extra d']);
});

test('different spellings of a value are equal', (t) => {
  const pairs = [
    ['mode=0755', 'mode=755'],
    ['mode=04755', 'mode=u=rwxs,go=rx'],
    ['mode=0644', 'mode=a=r,u+w'],
    ['mode=01777', 'mode=+t,a+rwx'],
    ['sha256=ABCD', 'sha256digest=abcd'],
    ['rmd160=1', 'ripemd160digest=1'],
    ['xattrs.user.a=AA==', 'xattr.user.a=AA=='],
    ['link=a\\040b', 'link=a\\sb'],
    ['uname=a\\043', 'uname=a\\#'],
    ['time=1.5', 'time=1.000000005'],
    ['time=1', 'time=1.000000000'],
    ['size=010', 'size=10'],
    ['flags=none', 'flags='],
    ['flags=uchg,nodump', 'flags=nodump,uchg'],
    ['device=native,8,17', 'device=0x811'],
    ['device=linux,8,17', 'device=2065'],
  ];
  for (const [old, other] of pairs)
    t.deepEqual(diff(`a ${old}\n`, `a ${other}\n`, { strict: true }), [], old);
});

test('values that differ, differ', (t) => {
  const pairs = [
    ['mode=0755', 'mode=0754'],
    ['mode=u=rwx', 'mode=0755'],
    ['time=1.5', 'time=1.500000000'],
    ['time=-1.000000000', 'time=1.000000000'],
    ['device=native,8,17', 'device=native,8,16'],
    ['link=a\\\\040b', 'link=a\\040b'],
    ['type=file', 'type=FILE'],
    ['mode=what', 'mode=ever'],
    ['size=1', 'size=x'],
  ];
  for (const [old, other] of pairs) t.is(diff(`a ${old}\n`, `a ${other}\n`).length, 1, old);
});

test('a keyword on one side only is a difference if strict; an extended attribute always is', (t) => {
  const old = 'a type=file size=1 xattr.user.old=AA== xattr.user.both=AA==\n';
  const other = 'a type=file uid=0 xattr.user.new=AA== xattr.user.both=AQ==\n';
  const xattrs = 'xattr.user.old:AA==> xattr.user.both:AA==>AQ== xattr.user.new:>AA==';
  t.deepEqual(diff(old, other), [`modified a ${xattrs}`]);
  const [all] = diff(old, other, { strict: true });
  t.deepEqual(all?.split(' ').sort(), ['a', 'modified', 'size:1>', 'uid:>0', ...xattrs.split(' ')].sort());
});

test('time and tar_time are compared in whole seconds', (t) => {
  t.deepEqual(diff('a time=5.999999999\n', 'a tar_time=5.000000000\n', { strict: true }), []);
  t.deepEqual(diff('a tar_time=5.0\n', 'a time=6.0\n'), ['modified a tar_time:5.0>6.000000000']);
  t.deepEqual(diff('a tar_time=5.0\n', 'a time=6.0\n', { keywords: ['time'] }).length, 1);
  t.deepEqual(diff('a tar_time=5.0 time=7.0\n', 'a time=5.3\n', { strict: true }), []);
  t.deepEqual(diff('a time=5.1\n', 'a time=5.2\n').length, 1);
});

test('only the keywords and types asked for', (t) => {
  const old = '. type=dir uid=0\na type=file size=1 uid=0 xattr.user.a=AA==\nb type=file\n..\n';
  const other = '. type=dir uid=1\na type=file size=2 uid=1\n..\n';
  t.deepEqual(diff(old, other, { keywords: ['uid'] }), [
    'modified . uid:0>1',
    'modified a uid:0>1',
    'missing b',
  ]);
  t.deepEqual(diff(old, other, { keywords: ['xattr'], types: ['file'] }), [
    'modified a xattr.user.a:AA==>',
    'missing b',
  ]);
  t.deepEqual(diff(old, other, { types: ['dir'] }), ['modified . uid:0>1']);
});

test('optional files may be missing, nochange files may change, nothing counts below ignore', (t) => {
  const old = [
    '. type=dir',
    'gone type=file optional',
    'free type=file size=1 nochange',
    'tmp type=dir ignore uid=0',
    'inside type=file',
    '..',
  ].join('\n');
  const other = [
    '. type=dir',
    'free type=link size=2',
    'tmp type=dir uid=1',
    'new type=file',
    '..',
    '..',
  ].join('\n');
  t.deepEqual(diff(old, other), ['modified tmp uid:0>1']);
  t.deepEqual(diff(old, '. type=dir\n..\n'), ['missing free', 'missing tmp']);
});
