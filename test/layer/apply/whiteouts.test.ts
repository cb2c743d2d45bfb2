import test from 'ava';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { apply, dir, file, hardlink, symlink } from './harness.js';

test.beforeEach((t) => {
  requires(t, 'root');
});

const lower = [
  dir('d', { mode: 0o700, uid: 7 }),
  file('d/a'),
  file('d/b'),
  dir('d/sub'),
  file('d/sub/x'),
  file('f'),
];

/** All orders of a layer's entries. */
function orders(entries: RawEntry[]): RawEntry[][] {
  if (entries.length < 2) return [entries];
  return entries.flatMap((entry, i) => orders(entries.toSpliced(i, 1)).map((rest) => [entry, ...rest]));
}

const inAnyOrder: [title: string, upper: RawEntry[], expected: string[]][] = [
  ['a whiteout removes a file', [file('d/.wh.a')], ['d/', 'd/b', 'd/sub/', 'd/sub/x', 'f']],
  ['a whiteout removes a directory with all in it', [file('.wh.d')], ['f']],
  [
    'a whiteout does not hide its own layer',
    [file('.wh.f'), file('f', 'new')],
    ['d/', 'd/a', 'd/b', 'd/sub/', 'd/sub/x', 'f'],
  ],
  [
    'umoci#229: a hidden directory comes back with what the layer has in it',
    [file('.wh.d'), dir('d'), file('d/new')],
    ['d/', 'd/new', 'f'],
  ],
  [
    'an opaque directory keeps what the layer adds',
    [file('d/.wh..wh..opq'), file('d/new'), file('d/sub/new')],
    ['d/', 'd/new', 'd/sub/', 'd/sub/new', 'f'],
  ],
  [
    'an opaque directory and a whiteout in it',
    [file('d/.wh..wh..opq'), file('d/.wh.a'), file('d/b', 'new')],
    ['d/', 'd/b', 'f'],
  ],
  ['an opaque root', [file('.wh..wh..opq'), file('new')], ['new']],
  [
    'a whiteout of what is not there',
    [file('d/.wh.none'), file('none/.wh.x')],
    ['d/', 'd/a', 'd/b', 'd/sub/', 'd/sub/x', 'f'],
  ],
  ['whiteouts of any type', [dir('.wh.d'), symlink('.wh.f', '/x')], []],
  [
    'a hardlink of the layer survives a whiteout of the same path',
    [file('new'), hardlink('f', 'new'), file('.wh.f')],
    ['d/', 'd/a', 'd/b', 'd/sub/', 'd/sub/x', 'f', 'new'],
  ],
];

for (const [title, upper, expected] of inAnyOrder) {
  test(`${title}, in any order`, (t) => {
    for (const order of orders(upper)) {
      const result = apply(t, [lower, order]);
      t.deepEqual(result.listing, expected, order.map((entry) => entry.name).join(' '));
    }
  });
}

test('a directory that is hidden and comes back only as a parent is a new one', (t) => {
  for (const order of orders([file('.wh.d'), file('d/new')])) {
    const result = apply(t, [lower, order]);
    t.deepEqual(result.listing, ['d/', 'd/new', 'f']);
    t.like(result.tree.get('d'), { mode: '0755', owner: '0:0', mtime: '0.000000000' });
  }
});

test('a hidden directory that the layer describes has what the layer says, and no more', (t) => {
  const below = [dir('d', { xattrs: { 'user.old': '1' } }), file('d/a')];
  for (const order of orders([
    file('.wh.d'),
    dir('d', { mode: 0o711, uid: 3, xattrs: { 'user.new': '2' } }),
  ])) {
    const result = apply(t, [below, order]);
    t.deepEqual(result.tree.get('d'), {
      type: 'dir',
      mode: '0711',
      owner: '3:0',
      mtime: '1000000000.000000000',
      xattrs: { 'user.new': '32' },
    });
  }
});

test('a whiteout through a symlink of the layers below is one of what it leads to', (t) => {
  const base = [dir('usr'), dir('usr/lib'), file('usr/lib/a'), file('usr/lib/b'), symlink('lib', 'usr/lib')];
  const result = apply(t, [base, [file('lib/.wh.a')]]);
  t.deepEqual(result.listing, ['lib -> usr/lib', 'usr/', 'usr/lib/', 'usr/lib/b']);
});

test('a whiteout below a symlink that the layer makes is about what the symlink replaced', (t) => {
  const base = [dir('etc'), file('etc/x'), dir('old'), file('old/x')];
  for (const order of orders([symlink('old', '/etc'), file('old/.wh.x')])) {
    const result = apply(t, [base, order]);
    t.deepEqual(result.listing, ['etc/', 'etc/x', 'old -> /etc']);
  }
});

test('whiteouts below a directory that replaces a symlink do not hide what the symlink led to', (t) => {
  const base = [dir('etc'), file('etc/x'), symlink('old', '/etc')];
  for (const marker of ['old/.wh..wh..opq', 'old/.wh.x']) {
    for (const order of orders([file(marker), dir('old')])) {
      const result = apply(t, [base, order]);
      t.deepEqual(result.listing, ['etc/', 'etc/x', 'old/'], order.map((entry) => entry.name).join(' '));
    }
  }
});

test('a whiteout leaves its directory unchanged', (t) => {
  const result = apply(t, [lower, [file('d/.wh.a')], [file('d/sub/.wh..wh..opq')]]);
  t.deepEqual(result.tree.get('d'), {
    type: 'dir',
    mode: '0700',
    owner: '7:0',
    mtime: '1000000000.000000000',
  });
  t.is(result.tree.get('d/sub')?.mtime, '1000000000.000000000');
});

test('whiteouts of no name are errors and remove nothing', (t) => {
  for (const name of ['.wh.', '.wh..', '.wh...', 'd/.wh.', 'd/.wh..', 'd/.wh...', 'd/.wh.a/b']) {
    t.throws(() => apply(t, [lower, [file(name)]]), { code: 'LAYER_ENTRY' }, name);
  }
});

test('names that only look like whiteouts are names', (t) => {
  const names = ['.wh', '.whx', 'a.wh.b', 'wh.'];
  const result = apply(t, [names.map((name) => file(name))]);
  t.deepEqual(result.listing, names);
});

test("aufs's own records are passed over", (t) => {
  const result = apply(t, [
    [dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs'), file('kept'), dir('.wh..wh.orph')],
  ]);
  t.deepEqual(result.listing, ['kept']);
});
