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
    rule: 'a whiteout hides what the layers below have of this name, and its directory stays as it was',
    source: whiteouts,
    layers: [lower, [dir('d', own), file('d/.wh.a')]],
    expect: { 'd/a': null, 'd/.wh.a': null, 'd/b': {}, d: kept },
  },
  {
    name: 'a whiteout hides a directory with all that is in it',
    rule: 'what is below a hidden directory is hidden with it',
    source: whiteouts,
    layers: [lower, [file('.wh.d')]],
    expect: { d: null, 'd/sub': null },
  },
  {
    name: 'a whiteout below a directory that the layer does not list works, and changes nothing of the directory',
    rule: 'the whiteout hides, and all directories on the way to it keep their metadata',
    source: whiteouts,
    layers: [lower, [file('d/sub/.wh.x')]],
    expect: { 'd/sub/x': null, 'd/sub': kept, d: kept },
  },
  {
    name: 'a whiteout below an unlisted directory of a layer further below works',
    rule: 'how many layers are in between does not matter',
    source: whiteouts,
    layers: [lower, [file('other')], [file('d/sub/new')], [file('d/sub/.wh.x'), file('d/.wh.a')]],
    expect: { 'd/sub/x': null, 'd/sub/new': {}, 'd/a': null, 'd/sub': kept },
  },
  {
    name: 'a whiteout does not hide what its own layer has, whatever the order',
    rule: 'whiteouts hide lower layers only, whatever their place in the tar',
    source: `${whiteouts}; umoci#229`,
    layers: [lower, [file('d/a', 'new'), file('d/.wh.a'), file('d/.wh.b'), file('d/b', 'new')]],
    expect: { 'd/a': { size: 3 }, 'd/b': { size: 3 } },
  },
  {
    name: 'a directory that is hidden and listed again is a new one',
    rule: 'nothing of the old directory is left: neither files nor metadata that the entry does not set',
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
    name: 'a directory that is hidden and comes back only as a parent is a new one',
    rule: 'the implicit parent is 0755, 0:0, and has nothing of the hidden one',
    source: whiteouts,
    layers: [lower, [file('d/new'), file('.wh.d')]],
    expect: { d: { ...fresh, xattrs: undefined }, 'd/new': {}, 'd/a': null, 'd/sub': null },
  },
  {
    name: 'a hidden directory comes back in a later layer without what it had',
    rule: 'a whiteout holds for the layers above it too',
    source: whiteouts,
    layers: [lower, [file('.wh.d')], [file('d/later')]],
    expect: { d: { ...fresh, xattrs: undefined }, 'd/later': {}, 'd/a': null },
  },
  {
    name: 'what a whiteout hid comes back in a later layer',
    rule: 'the layer above the whiteout adds what it has',
    source: whiteouts,
    layers: [lower, [file('d/.wh.a')], [file('d/a', 'again')], [file('d/.wh.b')]],
    expect: { 'd/a': { size: 5 }, 'd/b': null, d: kept },
  },
  {
    name: 'a whiteout of what is not there is nothing',
    rule: 'it neither fails nor shows, nor makes directories',
    source: `${whiteouts}; Docker and umoci differ, docker refuses: accept`,
    layers: [lower, [file('d/.wh.none'), file('none/.wh.x'), file('.wh.nothing')]],
    expect: { 'd/none': null, none: null, nothing: null, d: kept },
  },
  {
    name: 'a whiteout in the lowest layer is nothing',
    rule: 'there is nothing below to hide',
    source: whiteouts,
    layers: [[file('.wh.x'), dir('d'), file('d/.wh.y'), file('d/f'), file('d/.wh..wh..opq')]],
    expect: { x: null, 'd/y': null, 'd/f': {} },
  },
  {
    name: 'an opaque directory hides what is below and keeps what its layer adds, marker last',
    rule: 'an opaque marker hides lower layers only, whatever its place in the tar',
    source: opaque,
    layers: [lower, [file('d/new'), dir('d', own), file('d/sub/new'), file('d/.wh..wh..opq')]],
    expect: { 'd/new': {}, 'd/sub/new': {}, 'd/sub': fresh, 'd/a': null, 'd/sub/x': null, d: kept },
  },
  {
    name: 'an opaque directory hides what is below and keeps what its layer adds, marker first',
    rule: 'an opaque marker hides lower layers only, whatever its place in the tar',
    source: opaque,
    layers: [lower, [dir('d', own), file('d/.wh..wh..opq'), file('d/new'), file('d/sub/new')]],
    expect: { 'd/new': {}, 'd/sub/new': {}, 'd/sub': fresh, 'd/a': null, 'd/sub/x': null, d: kept },
  },
  {
    name: 'an opaque directory that the layer does not list keeps its metadata',
    rule: 'the marker is about what is in the directory, not about the directory',
    source: opaque,
    layers: [lower, [file('d/.wh..wh..opq')]],
    expect: { d: kept, 'd/a': null, 'd/sub': null },
  },
  {
    name: 'an opaque directory of a lower layer does not hide what higher layers add',
    rule: 'an opaque directory hides what is below its own layer',
    source: opaque,
    layers: [lower, [file('d/.wh..wh..opq'), file('d/mid')], [file('d/top'), file('d/sub/y')]],
    expect: { 'd/mid': {}, 'd/top': {}, 'd/sub/y': {}, 'd/sub': fresh, 'd/sub/x': null, 'd/a': null },
  },
  {
    name: 'whiteouts in an opaque directory, and in directories below it, change nothing',
    rule: 'what is hidden twice is hidden',
    source: opaque,
    layers: [lower, [file('d/.wh..wh..opq'), file('d/.wh.a'), file('d/b', 'new'), file('d/sub/.wh.x')]],
    expect: { 'd/a': null, 'd/b': { size: 3 }, 'd/sub/x': null },
  },
  {
    name: 'an opaque root hides all that lower layers have',
    rule: 'the marker may stand in the root too',
    source: opaque,
    layers: [
      [dir('.', own), ...lower],
      [file('.wh..wh..opq'), file('new')],
    ],
    expect: { d: null, new: {}, '.': kept },
  },
  {
    name: 'an opaque marker below a directory that replaced a symlink leaves alone what the link led to',
    rule: 'the marker is about the path, which the directory took from the link',
    source: 'a defect found in several tools that hide before they replace',
    layers: [
      [dir('etc'), file('etc/x'), symlink('old', '/etc')],
      [file('old/.wh..wh..opq'), dir('old'), file('old/new')],
    ],
    expect: { 'etc/x': {}, old: { type: 'dir' }, 'old/new': {} },
  },
  {
    name: 'a whiteout below a directory that replaced a symlink leaves alone what the link led to',
    rule: 'the whiteout is about the path, which the directory took from the link',
    source: 'a defect found in several tools that hide before they replace',
    layers: [
      [dir('etc'), file('etc/x'), symlink('old', '/etc')],
      [file('old/.wh.x'), dir('old')],
    ],
    expect: { 'etc/x': {}, old: { type: 'dir' } },
  },
  {
    name: 'a whiteout below a symlink that the layer puts in place of a directory leaves alone what it leads to',
    rule: 'umoci writes such layers; the whiteout hides what the directory had',
    source: 'umoci repack: old -> /etc, then old/.wh.x',
    layers: [
      [dir('etc'), file('etc/x'), dir('old'), file('old/x')],
      [symlink('old', '/etc'), file('old/.wh.x')],
    ],
    expect: { 'etc/x': {}, old: { type: 'symlink' } },
  },
  {
    name: 'a whiteout through a symlinked parent of the layers below hides what the link leads to',
    rule: 'usrmerge: lib/.wh.a hides usr/lib/a where lib is a symlink',
    source: 'merged /usr, as layers of Debian and Fedora have it',
    layers: [
      [dir('usr'), dir('usr/lib', own), file('usr/lib/a'), file('usr/lib/b'), symlink('lib', 'usr/lib')],
      [file('lib/.wh.a')],
    ],
    expect: { 'usr/lib/a': null, 'usr/lib/b': {}, 'usr/lib': kept, lib: { type: 'symlink' } },
  },
  {
    name: 'a whiteout hides symlinks, fifos and devices, not what they are about',
    rule: 'a whiteout is about the name itself',
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
    name: 'a whiteout of one name of a hardlinked file leaves the others',
    rule: 'names are hidden, not files',
    source: whiteouts,
    layers: [[file('a', 'x'), hardlink('b', 'a'), hardlink('c', 'a')], [file('.wh.a')]],
    expect: { a: null, b: { size: 1, links: ['b', 'c'] }, c: {} },
  },
  {
    name: 'names that only look like whiteouts are names',
    rule: '.wh without a dot after it, or not at the start, means nothing',
    source: whiteouts,
    layers: [[file('.wh'), file('.whx'), file('a.wh.b'), file('wh.')], [file('other')]],
    expect: { '.wh': {}, '.whx': {}, 'a.wh.b': {}, 'wh.': {} },
  },
  {
    name: 'a directory is hidden and made again over many layers',
    rule: 'each layer hides what all the layers below it have',
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
