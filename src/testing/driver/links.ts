import { dir, file, hardlink, symlink } from '../entries.js';
import { type LayerCase, layerCases } from './layer-case.js';

const linkEntries = 'POSIX pax, typeflag 1; image-spec layer.md, "Hardlinks"';
const meaning = {
  rule: "a link means what its target's name means at that point of the tar: an earlier entry, else the lower layers",
  source: `${linkEntries}; umoci, containerd and GNU tar agree`,
};
const usrmerge = 'merged /usr, as in layers of Debian and Fedora';

const cases: LayerCase[] = [
  {
    name: 'a hardlink to a file of the same layer',
    rule: 'both names are one file',
    source: linkEntries,
    layers: [[file('a', 'x', { mode: 0o4755 }), hardlink('d/b', 'a')]],
    expect: { a: { links: ['a', 'd/b'] }, 'd/b': { mode: '4755', size: 1 } },
  },
  {
    name: 'a hardlink to a later file of the same layer',
    rule: 'the target may come later in the tar',
    source: linkEntries,
    layers: [[hardlink('a', 'b'), file('b', 'x')]],
    expect: { a: { size: 1, links: ['a', 'b'] } },
  },
  {
    name: 'a hardlink to a file of a lower layer has its content and metadata',
    rule: 'the target may be in a lower layer',
    source: linkEntries,
    layers: [
      [
        dir('d', { mode: 0o700 }),
        file('d/a', 'content', { mode: 0o4750, uid: 3, gid: 4, mtime: 5.5, xattrs: { 'user.x': 'y' } }),
      ],
      [file('other')],
      [hardlink('b', 'd/a')],
    ],
    expect: {
      b: { size: 7, mode: '4750', owner: '3:4', mtime: '5.500000000', xattrs: { 'user.x': '79' } },
      'd/a': { size: 7 },
      d: { mode: '0700' },
    },
  },
  {
    name: 'a hardlink to a file of a lower layer is the same file',
    rule: 'a hardlink is another name, not a copy: both names have one inode and change together',
    source: linkEntries,
    layers: [[file('a', 'x')], [hardlink('b', 'a')]],
    expect: { a: { links: ['a', 'b'] }, b: { links: ['a', 'b'] } },
  },
  {
    name: 'a hardlink to a file with several names in lower layers joins them',
    rule: 'all names are one file',
    source: linkEntries,
    layers: [[file('a', 'x'), hardlink('b', 'a')], [hardlink('d/c', 'b')], [hardlink('e', 'd/c')]],
    expect: { a: { links: ['a', 'b', 'd/c', 'e'] } },
  },
  {
    name: 'a hardlink to a file of a lower layer that the layer replaces later',
    ...meaning,
    layers: [[file('a', 'old')], [hardlink('b', 'a'), file('a', 'newer')]],
    expect: { a: { size: 5 }, b: { size: 3, links: undefined } },
  },
  {
    name: 'a hardlink to a symlink of a lower layer that the layer replaces later',
    ...meaning,
    layers: [[symlink('a', 'old')], [hardlink('b', 'a'), file('a', 'new')]],
    expect: { a: { type: 'file' }, b: { type: 'symlink', target: 'old' } },
  },
  {
    name: 'a hardlink to a file of a lower layer whose directory the layer replaces later',
    ...meaning,
    layers: [[file('d/f', 'old')], [hardlink('x', 'd/f'), file('d', 'newer')]],
    expect: { d: { type: 'file', size: 5 }, x: { size: 3 } },
  },
  {
    name: 'a hardlink to a symlink of a lower layer, where a directory comes later',
    ...meaning,
    layers: [[symlink('n', 'x')], [hardlink('m', 'n'), dir('n')]],
    expect: { m: { type: 'symlink' }, n: { type: 'dir' } },
  },
  {
    name: 'a hardlink in place of the file of a lower layer that its target links to',
    ...meaning,
    layers: [[symlink('a', '/b')], [hardlink('n', 'a'), symlink('u', '/'), hardlink('u/a', 'n')]],
    expect: { n: { target: '/b' }, a: { target: '/b' } },
  },
  {
    name: 'a hardlink to a file of the same layer that is replaced later',
    ...meaning,
    layers: [[file('a', 'old'), hardlink('b', 'a'), file('a', 'newer')]],
    expect: { a: { size: 5 }, b: { size: 3 } },
  },
  {
    name: 'a hardlink to a file of a lower layer that the layer whites out, before or after',
    rule: 'whiteouts hide lower layers only, wherever they stand: the link still means the lower file',
    source: linkEntries,
    layers: [
      [file('a', 'x'), hardlink('b', 'a'), file('d/f', 'y'), file('e/g', 'zz')],
      [
        ...[file('.wh.a'), hardlink('new-a', 'a'), hardlink('new-b', 'b'), file('.wh.b')],
        ...[
          file('d/.wh..wh..opq'),
          hardlink('d/new-f', 'd/f'),
          file('.wh.e'),
          dir('e'),
          hardlink('e/h', 'e/g'),
        ],
      ],
    ],
    expect: {
      ...{ a: null, b: null, 'new-a': { size: 1, links: ['new-a', 'new-b'] } },
      ...{ 'd/f': null, 'd/new-f': { size: 1 }, 'e/g': null, 'e/h': { size: 2 } },
    },
  },
  {
    name: 'a hardlink in place of a file of a lower layer',
    rule: 'the name is replaced without writing to the old file',
    source: linkEntries,
    layers: [[file('a', 'old'), hardlink('keep', 'a'), file('b', 'target')], [hardlink('a', 'b')]],
    expect: { a: { size: 6, links: ['a', 'b'] }, keep: { size: 3, links: undefined } },
  },
  {
    name: "a hardlink entry's own metadata are ignored",
    rule: 'mode, owner, time and xattrs come from the target',
    source: `${linkEntries}; GNU tar and Go's archive/tar ignore them`,
    layers: [
      [
        file('a', 'x', { mode: 0o640, uid: 1, mtime: 7 }),
        { ...hardlink('b', 'a'), mode: 0o777, uid: 9, gid: 9, mtime: 99, xattrs: { 'user.no': 'x' } },
      ],
    ],
    expect: { a: { mode: '0640', owner: '1:0', mtime: '7.000000000', xattrs: undefined } },
  },
  {
    name: 'hardlinks to symlinks, fifos and devices are names of the same file',
    rule: 'a hardlink to a symlink links to the symlink itself, not to its target',
    source: 'link(2), linkat without AT_SYMLINK_FOLLOW',
    layers: [
      [
        ...[file('f'), symlink('s', 'f'), { name: 'p', type: 'fifo' as const }],
        { name: 'c', type: 'char', devMajor: 1, devMinor: 3 },
        ...['s', 'p', 'c'].map((name) => hardlink(`${name}2`, name)),
      ],
    ],
    expect: { s2: { type: 'symlink', links: ['s', 's2'] }, p2: { type: 'fifo' }, c2: { device: '1,3' } },
  },
  {
    name: 'a replaced file is no longer a hardlink of its other names',
    rule: 'existing files are unlinked and never opened',
    source: 'image-spec layer.md, "Modifications"',
    layers: [[file('a', 'old'), hardlink('b', 'a')], [file('a', 'new!')]],
    expect: { a: { size: 4 }, b: { size: 3 } },
  },
  {
    name: 'existing fifos, devices and symlinks are replaced, not opened',
    rule: 'an entry unlinks the existing file',
    source: 'opening a fifo blocks forever, and opening a symlink writes elsewhere',
    layers: [
      [
        ...[
          { name: 'p', type: 'fifo' as const },
          { name: 'c', type: 'char', devMajor: 1, devMinor: 3 },
        ],
        ...[file('target', 'safe'), symlink('s', 'target'), symlink('dangling', '/no/such')],
      ],
      ['p', 'c', 's', 'dangling'].map((name) => file(name, 'new')),
    ],
    expect: {
      ...{
        p: { type: 'file', size: 3 },
        c: { type: 'file' },
        s: { type: 'file' },
        dangling: { type: 'file' },
      },
      target: { size: 4 },
    },
  },
  {
    name: 'entries below a symlinked directory of a lower layer are in its target',
    rule: 'symlinked parents are followed inside the root',
    source: usrmerge,
    layers: [
      [
        dir('usr'),
        dir('usr/lib', { mode: 0o711, mtime: 5 }),
        symlink('lib', 'usr/lib'),
        symlink('lib64', '/lib'),
      ],
      [file('lib/a'), dir('lib64/sub'), file('lib64/sub/b')],
      [hardlink('lib/c', 'lib64/a')],
    ],
    expect: {
      ...{ 'usr/lib/a': { links: ['usr/lib/a', 'usr/lib/c'] }, 'usr/lib/sub/b': {} },
      ...{ lib: { type: 'symlink' }, 'usr/lib': { mode: '0711', mtime: '5.000000000' } },
    },
  },
  {
    name: 'a path that goes through a symlink of a lower layer more than once',
    rule: 'symlinked parents are followed inside the root',
    source: 'path_resolution(7)',
    layers: [[dir('d'), symlink('d/l', '../d')], [file('d/l/l/l/f', '1')]],
    expect: { 'd/f': { size: 1 }, 'd/l': { type: 'symlink' } },
  },
  {
    name: 'entries on both ways to a directory count in their order',
    rule: 'symlinked parents are followed inside the root',
    source: usrmerge,
    layers: [
      [dir('usr'), symlink('bin', 'usr')],
      [
        file('bin/a', '1'),
        file('usr/a', '22'),
        file('usr/b', '1'),
        file('bin/b', '22'),
        file('bin/c'),
        file('bin'),
      ],
    ],
    expect: { 'usr/a': { size: 2 }, 'usr/b': { size: 2 }, 'usr/c': {}, bin: { type: 'file' } },
  },
  {
    name: 'entries below a symlinked directory of the same layer are in its target',
    rule: 'symlinked parents are followed inside the root',
    source: usrmerge,
    layers: [[dir('usr'), dir('usr/bin'), symlink('bin', 'usr/bin'), file('bin/sh', 'x')]],
    expect: { 'usr/bin/sh': { size: 1 }, bin: { type: 'symlink' } },
  },
  {
    name: 'a file replaces a file through a symlinked parent of a lower layer',
    rule: 'the name in the target directory is replaced, and its neighbours stay',
    source: usrmerge,
    layers: [
      [dir('usr'), dir('usr/lib'), file('usr/lib/a', 'old'), file('usr/lib/b'), symlink('lib', 'usr/lib')],
      [file('lib/a', 'newer')],
    ],
    expect: { 'usr/lib/a': { size: 5 }, 'usr/lib/b': {}, lib: { type: 'symlink' } },
  },
  {
    name: 'the missing target of a symlinked parent is created inside the root',
    rule: 'missing targets of parents are created inside the root',
    source: 'umoci does so; the link itself stays',
    layers: [[symlink('link', '/missing/dir')], [file('link/f')]],
    expect: { 'missing/dir/f': {}, link: { type: 'symlink' }, missing: { type: 'dir', mode: '0755' } },
  },
  {
    name: 'targets of symlinks are kept unchanged',
    rule: 'a target is data: it is stored byte by byte, also if it is absolute or dangling, or has .. or odd bytes',
    source: 'POSIX pax, typeflag 2',
    layers: [
      ['/etc/passwd', '../../..', './a/../b//c/', '\xff\n', ' ', '/'].map((to, i) => symlink(`l${i}`, to)),
    ],
    expect: { l1: { target: '../../..' }, l2: { target: './a/../b//c/' }, l3: { target: '\xff\n' } },
  },
  {
    name: '.. in a name is lexical',
    rule: '.. in names is lexical and ends at the root',
    source: 'umoci cleans names before it follows symlinks',
    layers: [[symlink('link', '/somewhere/deep'), file('link/../f'), file('../../g'), file('a/./b/../c')]],
    expect: { f: {}, g: {}, 'a/c': {}, 'a/b': null },
  },
];

export const linkCases = layerCases(cases);
