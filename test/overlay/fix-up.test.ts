import test from 'ava';
import { requires } from '../helpers/requires.js';
import type { RawEntry } from '../helpers/tar.js';
import { diffTrees, treeOf } from '../helpers/tree.js';
import { dir, file, hardlink, symlink } from '../layer/apply/harness.js';
import { stack } from './stack.js';

test.beforeEach((t) => {
  requires(t, 'root');
});

const described = { uid: 7, gid: 8, mode: 0o2750, mtime: 1_000_000_000.125, xattrs: { 'user.a': 'b' } };

const cases: Record<string, RawEntry[][]> = {
  'an implicit directory is as below': [
    [dir('.', described), dir('a', described), dir('a/b', { ...described, mtime: 5 })],
    [file('a/b/f')],
    [file('a/g')],
  ],
  "the root directory's own metadata shows through a mount": [
    [dir('.', { mode: 0o711, uid: 4, xattrs: { 'user.a': '1' } })],
    [dir('.', { mode: 0o700, uid: 5 })],
  ],
  'an implicit directory that is nowhere below is a new one': [[dir('.')], [file('a/b/f')]],
  'an implicit directory in the place of a file is a new one': [[file('a')], [file('a/f')]],
  'an implicit directory whited out below is a new one': [
    [dir('a', described), file('a/x')],
    [file('.wh.a')],
    [file('a/f')],
  ],
  'an implicit directory of an opaque one is a new one': [
    [dir('a', described), dir('a/b', described), file('a/b/x')],
    [file('a/.wh..wh..opq'), file('a/b/f')],
  ],
  'a whiteout below a directory that the layer does not list': [
    [dir('a', described), file('a/x'), file('a/y')],
    [file('a/.wh.x')],
  ],
  'whiteouts of nothing make nothing': [
    [dir('.'), file('f')],
    [file('a/.wh.x'), file('f/.wh.x'), dir('d'), file('d/.wh.x'), file('b/c/.wh..wh..opq')],
  ],
  'usrmerge: an implicit parent that is a symlink below': [
    [dir('usr'), dir('usr/bin', described), symlink('bin', 'usr/bin'), file('usr/bin/a'), file('usr/bin/b')],
    [file('bin/x', 'x'), file('bin/.wh.a'), dir('bin/d', { mode: 0o700 }), file('bin/d/f')],
    [file('usr/bin/y'), file('bin/d/g'), dir('bin/new'), file('bin/.wh.x')],
  ],
  'a symlink to an absolute path, and through another one': [
    [dir('usr'), dir('usr/lib', described), symlink('lib', '/l2'), symlink('l2', 'usr/../usr/lib')],
    [file('lib/x'), file('lib/m/f')],
  ],
  'a symlink to nothing: what it leads to is made': [[symlink('a', 'b/c')], [file('a/x')]],
  'what hides below a symlink to nothing makes nothing': [[symlink('a', 'b/c')], [file('a/.wh.x')]],
  'an opaque marker below a symlink is about what that leads to': [
    [dir('usr', described), file('usr/x'), symlink('a', 'usr')],
    [file('a/.wh..wh..opq'), file('a/y')],
  ],
  'a symlink into a directory that is itself implicit': [
    [dir('r', described), dir('r/s', described), symlink('a', 'r/s')],
    [file('r/f'), file('a/x'), file('r/s/y')],
  ],
  'an opaque root': [
    [
      dir('.', described),
      dir('a', described),
      file('a/x'),
      dir('b'),
      file('b/x'),
      file('f'),
      symlink('l', 'a'),
    ],
    [file('c')],
    [file('.wh..wh..opq'), file('a/y'), dir('b'), file('f', 'new')],
    [file('a/z'), file('b/z')],
  ],
  'a directory that is listed replaces a symlink': [
    [dir('d'), file('d/x'), symlink('a', 'd')],
    [dir('a'), file('a/f'), file('a/.wh.x')],
  ],
  'a hardlink to a file below': [
    [dir('a', described), file('a/f', 'text', { ...described, mode: 0o4711 })],
    [hardlink('h', 'a/f'), hardlink('b/i', 'h')],
  ],
  'a hardlink to a file that has several names below': [
    [
      dir('a', described),
      file('a/f', 'text'),
      hardlink('g', 'a/f'),
      hardlink('gone', 'g'),
      hardlink('c/x', 'g'),
    ],
    [file('.wh.gone'), dir('c'), file('c/.wh..wh..opq')],
    [hardlink('h', 'g')],
  ],
  'a hardlink to a file that the layer hides': [[file('a', 'text')], [hardlink('b', 'a'), file('.wh.a')]],
  'a hardlink to a symlink, a fifo, through a symlink': [
    [dir('d'), symlink('d/s', 'x'), { name: 'd/p', type: 'fifo', mode: 0o640 }, symlink('l', 'd')],
    [hardlink('hs', 'l/s'), hardlink('hp', 'd/p')],
  ],
  'a hardlink to a file of the layer that is moved': [
    [dir('usr'), symlink('bin', 'usr')],
    [file('bin/f', 'x'), hardlink('h', 'usr/f')],
  ],
  'files and directories take turns': [
    [dir('a'), file('a/x'), file('b')],
    [file('a'), dir('b', described), file('b/y')],
    [dir('a'), file('a/z'), file('b')],
  ],
  'what overlayfs would act on in an image does not': [
    [dir('d'), file('d/x'), dir('e', { xattrs: { 'trusted.overlay.opaque': 'y' } }), file('e/x')],
    [
      dir('d', { xattrs: { 'trusted.overlay.opaque': 'y', 'user.overlay.opaque': 'y' } }),
      file('r', '', { xattrs: { 'trusted.overlay.redirect': '/etc', 'trusted.overlay.whiteout': '' } }),
      file('e/f'),
    ],
  ],
};

for (const [name, layers] of Object.entries(cases)) {
  test(name, (t) => {
    const { merged, plain } = stack(t, layers);
    t.deepEqual(diffTrees(treeOf(merged), treeOf(plain)), []);
  });
}
