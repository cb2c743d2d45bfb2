import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { requires } from '../../helpers/requires.js';
import { apply, dir, file, hardlink, symlink } from './harness.js';

test.beforeEach((t) => {
  requires(t, 'root');
});

test('a hardlink shares the file, and its own metadata is ignored', (t) => {
  const link = { ...hardlink('h', './/f'), mode: 0o777, uid: 9, mtime: 5, xattrs: { 'user.a': '1' } };
  const { tree } = apply(t, [[file('f', 'x', { mode: 0o640, uid: 3, mtime: 7 }), link]]);
  t.deepEqual(tree.get('h'), tree.get('f'));
  t.like(tree.get('f'), { mode: '0640', owner: '3:0', mtime: '7.000000000', links: ['f', 'h'] });
});

test('a hardlink may come before its target, also in a chain', (t) => {
  const { tree } = apply(t, [[hardlink('a', 'b'), hardlink('b', 'd/c'), dir('d'), file('d/c', 'x')]]);
  t.deepEqual(tree.get('d/c')?.links, ['a', 'b', 'd/c']);
});

test('a hardlink to a file of a lower layer', (t) => {
  const { tree } = apply(t, [[dir('d'), file('d/f', 'x')], [hardlink('h', 'd/f')]]);
  t.deepEqual(tree.get('h')?.links, ['d/f', 'h']);
});

test('a hardlink to a lower file that the layer replaces stays one to the lower file', (t) => {
  const base = [file('f', 'old')];
  for (const [layer, content] of [
    [[file('f', 'new'), hardlink('h', 'f')], 'new'],
    [[hardlink('h', 'f'), file('f', 'new')], 'old'],
    [[hardlink('g', 'f'), hardlink('h', 'g'), file('f', 'new')], 'old'],
    [[hardlink('h', 'g'), file('f', 'new'), hardlink('g', 'f')], 'new'],
    [[file('.wh.f'), hardlink('h', 'f'), file('f', 'new')], 'old'],
  ] as const) {
    const { root } = apply(t, [base, [...layer]]);
    t.is(readFileSync(join(root, 'h'), 'utf8'), content, JSON.stringify(layer.map((entry) => entry.name)));
  }
});

test('a long chain of hardlinks, each to the next one, does not take a pass for each link', (t) => {
  const count = 30_000;
  const links = Array.from({ length: count }, (_, i) => hardlink(`l${i}`, `l${i + 1}`));
  const { root } = apply(t, [[...links, file(`l${count}`, 'x')]]);
  t.is(lstatSync(join(root, 'l0')).nlink, count + 1);
});

test('umoci#29: a layer that rewrites one name leaves the other alone', (t) => {
  const { root } = apply(t, [[file('f', 'old'), hardlink('h', 'f')], [file('f', 'new')]]);
  t.is(readFileSync(join(root, 'h'), 'utf8'), 'old');
});

test('a hardlink that waits gives way to an entry of the same name that comes later', (t) => {
  const { root } = apply(t, [[hardlink('h', 'f'), file('h', 'mine'), file('f', 'x')]]);
  t.is(readFileSync(join(root, 'h'), 'utf8'), 'mine');
});

test('a hardlink to a symlink, a fifo or a device is one to that', (t) => {
  const { tree } = apply(t, [
    [
      symlink('s', '/nowhere'),
      { name: 'p', type: 'fifo' },
      { name: 'c', type: 'char', devMajor: 1, devMinor: 3 },
      ...['s', 'p', 'c'].map((name) => hardlink(`${name}2`, name)),
    ],
  ]);
  t.like(tree.get('s2'), { type: 'symlink', target: '/nowhere', links: ['s', 's2'] });
  t.like(tree.get('p2'), { type: 'fifo', links: ['p', 'p2'] });
  t.like(tree.get('c2'), { type: 'char', links: ['c', 'c2'] });
});

test('hardlinks to directories, to the root and to nothing are errors', (t) => {
  const base = [dir('d'), dir('d/e'), file('f')];
  for (const [link, message] of [
    ['d', /directory/],
    ['/', /root/],
    ['..', /root/],
    ['none', /does not exist/],
    ['none/below', /does not exist/],
    ['f/below', /does not exist/],
    ['h', /itself/],
  ] as const) {
    t.throws(() => apply(t, [[...base, hardlink('h', link)]]), { code: 'LAYER_ENTRY', message }, link);
  }
  t.throws(() => apply(t, [[dir('x'), file('x/y'), hardlink('x', 'x/y')]]), { code: 'LAYER_ENTRY' });
});

test('a hardlink to itself changes nothing if the file exists', (t) => {
  const { root } = apply(t, [[file('h', 'x'), hardlink('h', './h')]]);
  t.is(readFileSync(join(root, 'h'), 'utf8'), 'x');
});

test('targets of symlinks are stored unchanged', (t) => {
  const targets = ['/etc/passwd', '../../..', './a/../b//c/', '\xff\n', ' ', '/'];
  const { tree } = apply(t, [targets.map((target, i) => symlink(`l${i}`, target))]);
  t.deepEqual(
    targets,
    targets.map((_, i) => tree.get(`l${i}`)!.target!),
  );
  t.throws(() => apply(t, [[symlink('l', '')]]), { code: 'LAYER_ENTRY' });
});

test('usrmerge: entries below a symlink to a directory are in the directory', (t) => {
  const base = [
    dir('usr'),
    dir('usr/lib', { mode: 0o711, mtime: 5 }),
    symlink('lib', 'usr/lib'),
    symlink('lib64', '/lib'),
  ];
  const result = apply(t, [
    base,
    [file('lib/a'), dir('lib64/sub'), file('lib64/sub/b'), hardlink('lib/c', 'lib64/a')],
  ]);
  t.deepEqual(result.listing, [
    'lib -> usr/lib',
    'lib64 -> /lib',
    'usr/',
    'usr/lib/',
    'usr/lib/a',
    'usr/lib/c',
    'usr/lib/sub/',
    'usr/lib/sub/b',
  ]);
  t.like(result.tree.get('usr/lib'), { mode: '0711', mtime: '5.000000000' });
});

test('umoci#546: a file in the way of a parent is replaced by a directory', (t) => {
  for (const there of [file('a', 'x'), { name: 'a', type: 'fifo' }, symlink('a', 'b')]) {
    const result = apply(t, [[there], [file('a/c/d')]]);
    const real = there.type === 'symlink' ? ['a -> b', 'b/', 'b/c/', 'b/c/d'] : ['a/', 'a/c/', 'a/c/d'];
    t.deepEqual(result.listing, real);
  }
});

test('a directory replaces a symlink to a directory, unless keepDirlinks', (t) => {
  const base = [
    dir('usr'),
    dir('usr/lib', { mode: 0o711 }),
    file('usr/lib/a'),
    symlink('lib', 'usr/lib'),
    dir('up'),
    symlink('up/l', '../lib'),
  ];
  const layer = [dir('lib', { mode: 0o700, mtime: 9, uid: 4 }), file('lib/b'), dir('up/l'), file('up/l/c')];
  t.deepEqual(apply(t, [base, layer]).listing, [
    'lib/',
    'lib/b',
    'up/',
    'up/l/',
    'up/l/c',
    'usr/',
    'usr/lib/',
    'usr/lib/a',
  ]);
  const kept = apply(t, [base, layer], { keepDirlinks: true });
  t.deepEqual(kept.listing, [
    'lib -> usr/lib',
    'up/',
    'up/l -> ../lib',
    'usr/',
    'usr/lib/',
    'usr/lib/a',
    'usr/lib/b',
    'usr/lib/c',
  ]);
  t.like(kept.tree.get('lib'), { owner: '4:0', mtime: '9.000000000' });
  t.is(kept.tree.get('usr/lib')?.mode, '0711');
});

test('keepDirlinks keeps no symlink that is broken, leads to a file, or to itself', (t) => {
  for (const target of ['none', 'f', 'l', '../../etc']) {
    const { listing } = apply(t, [[file('f'), symlink('l', target)], [dir('l')]], { keepDirlinks: true });
    t.true(listing.includes('l/'), target);
  }
});
