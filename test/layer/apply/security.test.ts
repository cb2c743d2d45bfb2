import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { apply, dir, file, hardlink, symlink } from './harness.js';

// apply() fails each of these tests if anything outside of the target has changed

test.beforeEach((t) => {
  requires(t, 'root');
});

const inside: [title: string, layers: RawEntry[][], expected: string[]][] = [
  [
    'names with .. stay in the root',
    [[file('../../etc/passwd', 'x'), file('a/../../b'), dir('../c')]],
    ['b', 'c/', 'etc/', 'etc/passwd'],
  ],
  [
    'CVE-2021-32804: absolute names',
    [[file('/etc/passwd', 'x'), file('////abs')]],
    ['abs', 'etc/', 'etc/passwd'],
  ],
  [
    'a symlink to the host, then a file through it',
    [[symlink('l', '/etc'), file('l/passwd', 'x')]],
    ['etc/', 'etc/passwd', 'l -> /etc'],
  ],
  [
    'a symlink upwards, then a file through it',
    [[symlink('l', '../../etc'), file('l/passwd', 'x')]],
    ['etc/', 'etc/passwd', 'l -> ../../etc'],
  ],
  [
    'symlinks of a lower layer',
    [[symlink('l', '../..')], [file('l/a/secret', 'x'), file('l/.wh.etc')]],
    ['a/', 'a/secret', 'l -> ../..'],
  ],
  [
    'CVE-2021-37701, -37712: a directory that becomes a symlink',
    [[dir('x'), file('x/a'), symlink('x', '../../etc'), file('x/passwd', 'x'), dir('x/new')]],
    ['etc/', 'etc/new/', 'etc/passwd', 'x -> ../../etc'],
  ],
  [
    'CVE-2021-32803: a directory that becomes a symlink below a cached parent',
    [[dir('a/b'), file('a/b/one'), symlink('a', '../..'), file('a/b/two')]],
    ['a -> ../..', 'b/', 'b/two'],
  ],
  [
    'CVE-2024-12905: symlinks in a chain',
    [[symlink('a', '..'), symlink('b', 'a/..'), symlink('c', 'b/etc'), file('c/passwd', 'x')]],
    ['a -> ..', 'b -> a/..', 'c -> b/etc', 'etc/', 'etc/passwd'],
  ],
  [
    'CVE-2025-48387: a symlink whose name is a prefix of the root',
    [[symlink('l', '../target-other'), file('l/x')]],
    ['l -> ../target-other', 'target-other/', 'target-other/x'],
  ],
  [
    '/proc/self/root is a name like any other',
    [[symlink('l', '/proc/self/root/etc'), file('l/passwd')]],
    [
      'l -> /proc/self/root/etc',
      'proc/',
      'proc/self/',
      'proc/self/root/',
      'proc/self/root/etc/',
      'proc/self/root/etc/passwd',
    ],
  ],
  [
    'a symlink is replaced, not written through',
    [
      [symlink('f', '../secret'), symlink('d', '../../etc'), symlink('p', '../secret')],
      [file('f', 'x', { mode: 0o777, uid: 5 }), dir('d', { mode: 0o777 }), { name: 'p', type: 'fifo' }],
    ],
    ['d/', 'f', 'p'],
  ],
  [
    'CVE-2021-32760: the mode of a symlink does not change its target',
    [[{ ...symlink('l', '../secret'), mode: 0o777, uid: 5, mtime: 5 }]],
    ['l -> ../secret'],
  ],
  ['an opaque marker in a symlink to the host', [[symlink('l', '../..')], [file('l/.wh..wh..opq')]], []],
];

for (const [title, layers, expected] of inside) {
  test(title, (t) => {
    t.deepEqual(apply(t, layers).listing, expected);
  });
}

test('CVE-2021-29136: the root can only be a directory', (t) => {
  const roots: RawEntry[] = [
    symlink('.', '/etc'),
    symlink('/', '/etc'),
    symlink('a/..', '..'),
    file('./', 'x', { type: '0' }),
    file('..', 'x'),
    { name: '.', type: 'fifo' },
    hardlink('.', 'f'),
  ];
  for (const root of roots) {
    t.throws(() => apply(t, [[file('f'), root, file('passwd', 'x')]]), { code: 'LAYER_ENTRY' }, root.name);
  }
  for (const name of ['.', './', '/', '//', '..', 'a/..']) t.notThrows(() => apply(t, [[dir(name)]]), name);
});

test('CVE-2026-23745, -26960: hardlinks out of the root', (t) => {
  for (const target of [
    '../secret',
    '/a/secret',
    '../../etc/passwd',
    'l/secret',
    'l/../a/secret',
    'd/../../secret',
  ]) {
    const layer = [dir('d'), symlink('l', '../..'), hardlink('h', target)];
    t.throws(() => apply(t, [layer]), { code: 'LAYER_ENTRY', message: /does not exist/ }, target);
    // nor may a later layer write through what the first one left
    t.throws(() => apply(t, [layer, [file('h', 'x')]]), { code: 'LAYER_ENTRY' }, target);
  }
});

test('a hardlink through a symlink is one to a file in the root', (t) => {
  const { root } = apply(t, [
    [dir('etc'), file('etc/passwd', 'image'), symlink('l', '/etc'), hardlink('h', 'l/passwd')],
  ]);
  t.is(readFileSync(join(root, 'h'), 'utf8'), 'image');
});

test('a symlink to itself, and a loop of two', (t) => {
  for (const links of [[symlink('a', 'a')], [symlink('a', 'b'), symlink('b', 'a')]]) {
    t.throws(() => apply(t, [[...links, file('a/x')]]), { code: 'LAYER_ENTRY', message: /symlinks/ });
    t.notThrows(() => apply(t, [[...links], [file('a/.wh.x'), file('a', 'replaced')]]));
  }
});

test('names with a NUL are refused', (t) => {
  for (const pax of [{ path: 'a\0b' }, { linkpath: 'a\0b' }]) {
    const error = t.throws(() => apply(t, [[{ ...symlink('l', 'x'), pax }]]));
    t.true(['LAYER_ENTRY', 'TAR_INVALID'].includes((error as { code?: string }).code ?? ''));
  }
});

test('owners of 2^32-1 and more are refused', (t) => {
  for (const uid of [2 ** 32 - 1, 2 ** 32, 2 ** 40]) {
    t.throws(() => apply(t, [[file('f', '', { uid })]]));
    t.throws(() => apply(t, [[file('f', '', { gid: uid })]]));
  }
});

test('devices that Linux cannot have are refused', (t) => {
  t.throws(() => apply(t, [[{ name: 'c', type: 'char', devMajor: 4096, devMinor: 0 }]]), {
    code: 'LAYER_ENTRY',
  });
});
