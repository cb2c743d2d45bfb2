import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ApplyLayerOptions } from '../../../src/layer/apply/applier.js';
import { Tree } from '../../../src/layer/apply/tree.js';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { apply, applyOne, dir, file, hardlink, symlink } from './harness.js';

const overlay = (t: ExecutionContext<unknown>, layer: RawEntry[], options: Partial<ApplyLayerOptions> = {}) =>
  apply(t, [layer], { whiteouts: 'overlay', ...options });

test.beforeEach((t) => {
  requires(t, 'root');
});

test('whiteouts are devices 0:0, opaque directories have an attribute', (t) => {
  const { tree, layers } = overlay(t, [
    dir('.'),
    dir('d', { mtime: 5 }),
    file('d/.wh.x'),
    dir('o'),
    file('o/.wh..wh..opq'),
    file('o/.wh.y'),
    file('o/f'),
  ]);
  t.like(tree.get('d/x'), { type: 'char', device: '0,0' });
  t.deepEqual(tree.get('o')?.xattrs, { 'trusted.overlay.opaque': '79' });
  t.deepEqual([...tree.keys()], ['.', 'd', 'd/x', 'o', 'o/f']);
  t.is(tree.get('d')?.mtime, '5.000000000');
  t.deepEqual(layers[0]?.unsettled, {
    implicitDirectories: [],
    hidingDirectories: [],
    whiteouts: ['d/x'],
    lowerHardlinks: [],
    assumedDirectories: [],
    assumedMissing: [],
    refused: null,
  });
});

test('userxattr: the attributes are those of the user namespace', (t) => {
  const { tree } = overlay(
    t,
    [dir('o', { xattrs: { 'user.overlay.opaque': 'x', 'trusted.overlay.a': 'y' } }), file('o/.wh..wh..opq')],
    {
      overlayXattr: 'user',
    },
  );
  t.deepEqual(tree.get('o')?.xattrs, {
    'trusted.overlay.a': '79',
    'user.overlay.opaque': '79',
    'user.overlay.overlay.opaque': '78',
  });
});

test("overlay's attributes in an image are escaped, so that they do not act", (t) => {
  const xattrs = {
    'trusted.overlay.opaque': 'y',
    'trusted.overlay.overlay.a': 'b',
    'user.overlay.opaque': 'y',
  };
  const { tree } = overlay(t, [
    dir('d', { xattrs }),
    file('f', '', { xattrs: { 'trusted.overlay.redirect': '/etc' } }),
  ]);
  t.deepEqual(tree.get('d')?.xattrs, {
    'trusted.overlay.overlay.opaque': '79',
    'trusted.overlay.overlay.overlay.a': '62',
    'user.overlay.opaque': '79',
  });
  t.deepEqual(Object.keys(tree.get('f')?.xattrs ?? {}), ['trusted.overlay.overlay.redirect']);
});

test('a device 0:0 in an image would act as a whiteout: refused', (t) => {
  t.throws(() => overlay(t, [{ name: 'x', type: 'char', devMajor: 0, devMinor: 0 }]), {
    code: 'LAYER_ENTRY',
  });
  t.notThrows(() => overlay(t, [{ name: 'x', type: 'block', devMajor: 0, devMinor: 0 }]));
});

test('a directory that is hidden and made again is opaque, in any order', (t) => {
  for (const layer of [
    [file('.wh.d'), dir('d'), file('d/f')],
    [dir('d'), file('d/f'), file('.wh.d')],
  ]) {
    const { tree } = overlay(t, layer);
    t.deepEqual(tree.get('d')?.xattrs, { 'trusted.overlay.opaque': '79' });
  }
});

test('entries that depend on lower layers are returned, parents first', (t) => {
  const { layers } = overlay(t, [
    file('i/j/f'),
    dir('listed'),
    file('k/.wh.x'),
    file('o/.wh..wh..opq'),
    hardlink('h', 'lower/../below'),
    file('.wh.gone'),
    file('gone/f'),
    file('late/f'),
    dir('late'),
    file('o/in/f'),
  ]);
  t.deepEqual(layers[0]?.unsettled, {
    implicitDirectories: ['.', 'i', 'o', 'k', 'i/j'],
    hidingDirectories: ['k'],
    whiteouts: ['k/x'],
    lowerHardlinks: [{ path: 'h', target: 'below' }],
    assumedDirectories: ['late', 'o/in'],
    assumedMissing: ['below'],
    refused: null,
  });
});

test('a whiteout below what the layer replaced is not needed', (t) => {
  const { tree } = overlay(t, [file('f'), file('f/.wh.x'), symlink('l', 'd'), file('l/.wh.x'), dir('d')]);
  t.deepEqual([...tree.keys()], ['.', 'd', 'f', 'l']);
});

test('a hidden directory is one whiteout, without those below it', (t) => {
  for (const layer of [
    [file('.wh.d'), file('d/.wh.x'), file('d/.wh..wh..opq')],
    [file('d/.wh..wh..opq'), file('d/.wh.x'), file('.wh.d')],
  ]) {
    const { tree } = overlay(t, layer);
    t.deepEqual([...tree.keys()], ['.', 'd']);
    t.is(tree.get('d')?.type, 'char');
  }
});

test('on a filesystem that refuses devices 0:0, as another overlay does, whiteouts are marked files', (t) => {
  const base = tmpdir(t);
  const [outer, upper, work, lower, merged] = ['outer', 'upper', 'work', 'lower', 'merged'].map((name) =>
    newDirectory(join(base, name)),
  );
  const on = (at: string, given: string) => {
    execFileSync('mount', ['-t', 'overlay', '-o', given, 'overlay', at]);
    t.teardown(() => execFileSync('umount', [at]));
  };
  on(outer!, `lowerdir=${lower},upperdir=${upper},workdir=${work}`);
  const layers = [
    [dir('.'), dir('d'), file('d/a'), file('d/b'), file('c')],
    [dir('.'), dir('d'), file('d/.wh.a'), file('.wh.c'), file('new')],
  ];
  const roots = layers.map((entries, i) => {
    const root = newDirectory(join(outer!, `layer${i}`));
    applyOne(entries, root, new Tree(), [], { whiteouts: 'overlay' });
    return root;
  });
  t.true(lstatSync(join(roots[1]!, 'c')).isFile());
  on(merged!, `lowerdir=${roots.reverse().join(':')}`);
  t.deepEqual(readdirSync(merged!, { recursive: true, encoding: 'utf8' }).sort(), ['d', 'd/b', 'new']);
});

function newDirectory(path: string): string {
  mkdirSync(path, { mode: 0o755 });
  utimesSync(path, 0, 0);
  return path;
}
