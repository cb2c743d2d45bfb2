import { dir, file, hardlink, symlink } from '../entries.js';
import { type LayerCase, layerCases } from './layer-case.js';

const whiteouts = 'image-spec layer.md, "Whiteouts"';
const opaque = 'image-spec layer.md, "Opaque Whiteout"';
const own = { mode: 0o2750, uid: 7, gid: 8, mtime: 1234, xattrs: { 'user.kept': 'yes' } };
const kept = { mode: '2750', owner: '7:8', mtime: '1234.000000000', xattrs: { 'user.kept': '796573' } };
const lower = [dir('d', own), file('d/a', 'a'), file('d/b', 'b'), dir('d/sub', own), file('d/sub/x', 'x')];
const fresh = { type: 'dir', mode: '0755', owner: '0:0' } as const;

const cases: LayerCase[] = [
  {
    name: 'a whiteout hides a file',
    rule: 'a whiteout hides the name in the layers below, and does not change its directory',
    source: whiteouts,
    layers: [lower, [dir('d', own), file('d/.wh.a')]],
    expect: { 'd/a': null, 'd/.wh.a': null, 'd/b': {}, d: kept },
  },
  {
    name: 'a whiteout hides a directory with its entries',
    rule: 'all files below a hidden directory are hidden too',
    source: whiteouts,
    layers: [lower, [file('.wh.d')]],
    expect: { d: null, 'd/sub': null },
  },
  {
    name: 'a whiteout below an unlisted directory works, and does not change the directory',
    rule: 'the name is hidden, and all directories in its path keep their metadata',
    source: whiteouts,
    layers: [lower, [file('d/sub/.wh.x')]],
    expect: { 'd/sub/x': null, 'd/sub': kept, d: kept },
  },
  {
    name: 'a whiteout below an unlisted directory of a layer further below works',
    rule: 'the number of layers in between does not matter',
    source: whiteouts,
    layers: [lower, [file('other')], [file('d/sub/new')], [file('d/sub/.wh.x'), file('d/.wh.a')]],
    expect: { 'd/sub/x': null, 'd/sub/new': {}, 'd/a': null, 'd/sub': kept },
  },
  {
    name: 'a whiteout does not hide files of its own layer, in any order',
    rule: 'whiteouts hide lower layers only, at any position in the tar',
    source: `${whiteouts}; umoci#229`,
    layers: [lower, [file('d/a', 'new'), file('d/.wh.a'), file('d/.wh.b'), file('d/b', 'new')]],
    expect: { 'd/a': { size: 3 }, 'd/b': { size: 3 } },
  },
  {
    name: 'a directory that is hidden and listed again is a new directory',
    rule: 'files of the old directory are gone, and so is metadata that the entry does not set',
    source: whiteouts,
    layers: [lower, [dir('d', { mode: 0o700 }), file('d/new'), file('.wh.d')]],
    expect: {
      d: { mode: '0700', owner: '0:0', xattrs: undefined },
      'd/new': {},
      'd/a': null,
      'd/sub': null,
    },
  },
  {
    name: 'a directory that is hidden and comes back only as a parent is a new directory',
    rule: 'the implicit parent is 0755, 0:0, and does not have files of the hidden directory',
    source: whiteouts,
    layers: [lower, [file('d/new'), file('.wh.d')]],
    expect: { d: { ...fresh, xattrs: undefined }, 'd/new': {}, 'd/a': null, 'd/sub': null },
  },
  {
    name: 'a hidden directory comes back in a later layer without its old files',
    rule: 'a whiteout affects the layers above it too',
    source: whiteouts,
    layers: [lower, [file('.wh.d')], [file('d/later')]],
    expect: { d: { ...fresh, xattrs: undefined }, 'd/later': {}, 'd/a': null },
  },
  {
    name: 'a hidden file comes back in a later layer',
    rule: 'the layer above the whiteout adds its files',
    source: whiteouts,
    layers: [lower, [file('d/.wh.a')], [file('d/a', 'again')], [file('d/.wh.b')]],
    expect: { 'd/a': { size: 5 }, 'd/b': null, d: kept },
  },
  {
    name: 'a whiteout of a missing file has no effect',
    rule: 'it does not fail, is not visible, and does not create directories',
    source: `${whiteouts}; Docker refuses it, umoci accepts it: accept`,
    layers: [lower, [file('d/.wh.none'), file('none/.wh.x'), file('.wh.nothing')]],
    expect: { 'd/none': null, none: null, nothing: null, d: kept },
  },
  {
    name: 'a whiteout in the lowest layer has no effect',
    rule: 'the lowest layer has no layers below to hide',
    source: whiteouts,
    layers: [[file('.wh.x'), dir('d'), file('d/.wh.y'), file('d/f'), file('d/.wh..wh..opq')]],
    expect: { x: null, 'd/y': null, 'd/f': {} },
  },
  {
    name: 'an opaque directory hides lower files and keeps files of its layer, marker last',
    rule: 'an opaque marker hides lower layers only, at any position in the tar',
    source: opaque,
    layers: [lower, [file('d/new'), dir('d', own), file('d/sub/new'), file('d/.wh..wh..opq')]],
    expect: { 'd/new': {}, 'd/sub/new': {}, 'd/sub': fresh, 'd/a': null, 'd/sub/x': null, d: kept },
  },
  {
    name: 'an opaque directory hides lower files and keeps files of its layer, marker first',
    rule: 'an opaque marker hides lower layers only, at any position in the tar',
    source: opaque,
    layers: [lower, [dir('d', own), file('d/.wh..wh..opq'), file('d/new'), file('d/sub/new')]],
    expect: { 'd/new': {}, 'd/sub/new': {}, 'd/sub': fresh, 'd/a': null, 'd/sub/x': null, d: kept },
  },
  {
    name: 'an opaque directory that the layer does not list keeps its metadata',
    rule: 'the marker concerns the entries of the directory, not the directory itself',
    source: opaque,
    layers: [lower, [file('d/.wh..wh..opq')]],
    expect: { d: kept, 'd/a': null, 'd/sub': null },
  },
  {
    name: 'an opaque directory of a lower layer does not hide files of higher layers',
    rule: 'an opaque directory hides the layers below its own layer',
    source: opaque,
    layers: [lower, [file('d/.wh..wh..opq'), file('d/mid')], [file('d/top'), file('d/sub/y')]],
    expect: { 'd/mid': {}, 'd/top': {}, 'd/sub/y': {}, 'd/sub': fresh, 'd/sub/x': null, 'd/a': null },
  },
  {
    name: 'whiteouts in an opaque directory, and in directories below it, have no effect',
    rule: 'hiding a file twice has the same result',
    source: opaque,
    layers: [lower, [file('d/.wh..wh..opq'), file('d/.wh.a'), file('d/b', 'new'), file('d/sub/.wh.x')]],
    expect: { 'd/a': null, 'd/b': { size: 3 }, 'd/sub/x': null },
  },
  {
    name: 'an opaque root hides all files of lower layers',
    rule: 'the marker may be in the root too',
    source: opaque,
    layers: [
      [dir('.', own), ...lower],
      [file('.wh..wh..opq'), file('new')],
    ],
    expect: { d: null, new: {}, '.': kept },
  },
  {
    name: 'an opaque marker below a directory that replaced a symlink does not change the link target',
    rule: 'the marker concerns the path, which is now the directory and no longer the link',
    source: 'a defect found in several tools that hide before they replace',
    layers: [
      [dir('etc'), file('etc/x'), symlink('old', '/etc')],
      [file('old/.wh..wh..opq'), dir('old'), file('old/new')],
    ],
    expect: { 'etc/x': {}, old: { type: 'dir' }, 'old/new': {} },
  },
  {
    name: 'a whiteout below a directory that replaced a symlink does not change the link target',
    rule: 'the whiteout concerns the path, which is now the directory and no longer the link',
    source: 'a defect found in several tools that hide before they replace',
    layers: [
      [dir('etc'), file('etc/x'), symlink('old', '/etc')],
      [file('old/.wh.x'), dir('old')],
    ],
    expect: { 'etc/x': {}, old: { type: 'dir' } },
  },
  {
    name: 'a whiteout below a symlink that replaces a directory does not change the link target',
    rule: 'umoci writes such layers; the whiteout hides a file of the directory',
    source: 'umoci repack: old -> /etc, followed by old/.wh.x',
    layers: [
      [dir('etc'), file('etc/x'), dir('old'), file('old/x')],
      [symlink('old', '/etc'), file('old/.wh.x')],
    ],
    expect: { 'etc/x': {}, old: { type: 'symlink' } },
  },
  {
    name: 'a whiteout through a symlinked parent of the layers below hides a file in the link target',
    rule: 'usrmerge: lib/.wh.a hides usr/lib/a if lib is a symlink',
    source: 'merged /usr, as in layers of Debian and Fedora',
    layers: [
      [dir('usr'), dir('usr/lib', own), file('usr/lib/a'), file('usr/lib/b'), symlink('lib', 'usr/lib')],
      [file('lib/.wh.a')],
    ],
    expect: { 'usr/lib/a': null, 'usr/lib/b': {}, 'usr/lib': kept, lib: { type: 'symlink' } },
  },
  {
    name: 'a whiteout hides symlinks, fifos and devices, not the files that they refer to',
    rule: 'a whiteout concerns the name itself',
    source: whiteouts,
    layers: [
      [
        ...[file('f'), symlink('s', 'f'), { name: 'p', type: 'fifo' as const }],
        { name: 'c', type: 'char', devMajor: 1, devMinor: 3 },
      ],
      [file('.wh.s'), file('.wh.p'), file('.wh.c')],
    ],
    expect: { s: null, p: null, c: null, f: {} },
  },
  {
    name: 'a whiteout of one name of a hardlinked file keeps the other names',
    rule: 'names are hidden, not files',
    source: whiteouts,
    layers: [[file('a', 'x'), hardlink('b', 'a'), hardlink('c', 'a')], [file('.wh.a')]],
    expect: { a: null, b: { size: 1, links: ['b', 'c'] }, c: {} },
  },
  {
    name: 'names that only look like whiteouts are ordinary names',
    rule: '.wh without a following dot, or not at the start, has no special meaning',
    source: whiteouts,
    layers: [[file('.wh'), file('.whx'), file('a.wh.b'), file('wh.')], [file('other')]],
    expect: { '.wh': {}, '.whx': {}, 'a.wh.b': {}, 'wh.': {} },
  },
  {
    name: 'a directory is hidden and created again over many layers',
    rule: 'each layer hides the files of all layers below',
    source: whiteouts,
    layers: [
      [dir('d'), file('d/0')],
      [file('.wh.d'), dir('d'), file('d/1')],
      [file('d/2')],
      [file('d/.wh..wh..opq'), file('d/3')],
      [file('.wh.d')],
      [file('d/5')],
    ],
    expect: { 'd/0': null, 'd/1': null, 'd/2': null, 'd/3': null, 'd/5': {} },
  },
];

export const whiteoutCases = layerCases(cases);
