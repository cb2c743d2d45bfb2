import { dir, file, symlink } from '../entries.js';
import { utf8 } from '../tar.js';
import { type LayerCase, layerCases } from './layer-case.js';

/** cap_net_raw=ep, version 2; linux/capability.h */
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
const long = `${'d'.repeat(200)}/${'n'.repeat(255)}`;

const cases: LayerCase[] = [
  {
    name: 'setuid, setgid and sticky bits are kept with owners other than root',
    rule: 'the mode is set after the owner: chown(2) clears setuid and setgid bits',
    source: 'chown(2)',
    layers: [
      [
        file('suid', 'x', { mode: 0o4755, uid: 1000, gid: 1000 }),
        file('sgid', 'x', { mode: 0o2755, uid: 1000, gid: 50 }),
        dir('sticky', { mode: 0o1777, uid: 5 }),
        file('none', 'x', { mode: 0 }),
      ],
    ],
    expect: {
      suid: { mode: '4755', owner: '1000:1000' },
      sgid: { mode: '2755' },
      sticky: { mode: '1777' },
      none: { mode: '0000' },
    },
  },
  {
    name: 'capabilities of files are kept',
    rule: 'xattrs are set after owner and content: both clear security.capability',
    source: 'chown(2), capabilities(7)',
    layers: [
      [file('ping', 'x', { mode: 0o755, uid: 9, xattrs: { 'security.capability': capability } })],
      [file('other')],
    ],
    expect: { ping: { owner: '9:0', xattrs: { 'security.capability': capability.toString('hex') } } },
  },
  {
    name: 'extended attributes of files and directories, of any bytes',
    rule: 'xattrs are kept byte by byte',
    source: 'image-spec layer.md, "File Attributes"; PAX records SCHILY.xattr',
    layers: [
      [
        file('f', 'x', { xattrs: { 'user.binary': Buffer.from([0, 1, 255, 10, 61]) } }),
        dir('d', { xattrs: { 'trusted.note': 'd', 'user.note': 'n' } }),
      ],
      [file('d/g')],
    ],
    expect: {
      f: { xattrs: { 'user.binary': '0001ff0a3d' } },
      d: { xattrs: { 'trusted.note': '64', 'user.note': '6e' } },
    },
  },
  {
    name: 'a replaced file does not keep the extended attributes of the lower file',
    rule: 'an entry describes its file completely',
    source: 'image-spec layer.md, "Modifications"',
    layers: [[file('f', 'x', { mode: 0o4755, xattrs: { 'user.old': '1' } })], [file('f', 'y')]],
    expect: { f: { mode: '0644', xattrs: undefined } },
  },
  {
    name: 'files in a setgid directory have the group of their own entries',
    rule: 'entries and implicit directories do not inherit the group or the setgid bit of a parent',
    source: 'inode(7), "set-group-ID bit"',
    layers: [
      [dir('s', { mode: 0o2775, gid: 50 }), file('s/f'), dir('s/d'), symlink('s/l', 'f'), file('s/i/x')],
      [file('s/later'), dir('s/e'), file('s/j/y')],
    ],
    expect: {
      ...{ 's/f': { owner: '0:0' }, 's/d': { mode: '0755', owner: '0:0' }, 's/l': { owner: '0:0' } },
      ...{ 's/i': { mode: '0755', owner: '0:0' }, 's/later': { owner: '0:0' }, 's/e': { mode: '0755' } },
      's/j': { mode: '0755', owner: '0:0' },
    },
  },
  {
    name: 'devices, fifos and their numbers, owners and modes',
    rule: 'special files have the properties in the layer, also numbers above 255',
    source: 'image-spec layer.md, "File Types"; mknod(2)',
    layers: [
      [
        { name: 'null', type: 'char', devMajor: 1, devMinor: 3, mode: 0o666 },
        { name: 'loop', type: 'block', devMajor: 7, devMinor: 300, mode: 0o660, gid: 6, mtime: 3.25 },
        { name: 'fifo', type: 'fifo', mode: 0o622, uid: 4, mtime: 9 },
      ],
      [file('other')],
    ],
    expect: {
      null: { type: 'char', device: '1,3', mode: '0666' },
      loop: { type: 'block', device: '7,300', owner: '0:6', mtime: '3.250000000' },
      fifo: { type: 'fifo', mode: '0622', owner: '4:0' },
    },
  },
  {
    name: 'a device with other numbers in a higher layer',
    rule: 'the numbers of a device are part of it',
    source: 'image-spec layer.md, "Modifications"',
    layers: [
      [{ name: 'dev', type: 'char', devMajor: 1, devMinor: 3 }],
      [{ name: 'dev', type: 'char', devMajor: 1, devMinor: 5 }],
    ],
    expect: { dev: { device: '1,5' } },
  },
  {
    name: 'times to the nanosecond, before 1970 and after 2106, of links too',
    rule: 'times keep the precision of the tar',
    source: 'POSIX pax, mtime; utimensat(2)',
    layers: [
      [
        file('ns', '', { pax: { mtime: '1500000001.123456789' } }),
        file('late', '', { mtime: 5_000_000_000 }),
        { ...symlink('link', 'ns'), pax: { mtime: '1400000000.000000001' } },
        dir('dir', { pax: { mtime: '1300000000.987654321' } }),
      ],
      [file('dir/f')],
    ],
    expect: {
      ns: { mtime: '1500000001.123456789' },
      late: { mtime: '5000000000.000000000' },
      link: { mtime: '1400000000.000000001' },
      dir: { mtime: '1300000000.987654321' },
    },
  },
  {
    name: 'owners beyond 16 and 31 bits',
    rule: 'uids and gids are 32-bit numbers',
    source: 'POSIX pax, uid and gid; user_namespaces(7)',
    layers: [[file('f', '', { uid: 3_000_000_000, gid: 70_000 }), dir('d', { uid: 4_294_967_294 })]],
    expect: { f: { owner: '3000000000:70000' }, d: { owner: '4294967294:0' } },
  },
  {
    name: 'names with newlines, spaces, backslashes and invalid UTF-8',
    rule: 'a name may contain any byte except / and NUL',
    source: 'POSIX, "Filename"; path_resolution(7)',
    layers: [
      [
        ...[dir('new\nline'), file('new\nline/\xff\xfe'), file(' lead'), file('back\\slash'), file('a,b:c')],
        ...[file(utf8('zwölf')), symlink('\x80', '\xff'), file('gone\n\xff')],
      ],
      [file('new\nline/more\t'), file('.wh.gone\n\xff'), file('-n', 'x'), file('%41')],
    ],
    expect: {
      ...{ 'new\nline': { type: 'dir' }, 'new\nline/\xff\xfe': {}, 'new\nline/more\t': {}, ' lead': {} },
      ...{ 'gone\n\xff': null, [utf8('zwölf')]: {}, '\x80': { target: '\xff' }, '-n': {}, '%41': {} },
    },
  },
  {
    name: 'names of 255 bytes and paths beyond 255',
    rule: 'names are never truncated',
    source: 'limits.h NAME_MAX; POSIX pax, path',
    layers: [[file(long, 'x')], [file(`${'d'.repeat(200)}/more`)]],
    expect: { [long]: { size: 1 }, [`${'d'.repeat(200)}/more`]: {} },
  },
  {
    name: 'only the metadata of a file changes',
    rule: 'an entry with the same content and other metadata is a change',
    source: 'image-spec layer.md, "Modifications"',
    layers: [
      [file('f', 'same', { mode: 0o600 })],
      [file('f', 'same', { mode: 0o755, uid: 1, mtime: 6, xattrs: { 'user.x': '1' } })],
    ],
    expect: { f: { size: 4, mode: '0755', owner: '1:0', mtime: '6.000000000' } },
  },
  {
    name: 'empty files and files of holes',
    rule: 'sizes are exact',
    source: 'POSIX pax, size',
    layers: [[file('empty'), file('zeros', Buffer.alloc(100_000)), file('block', Buffer.alloc(512, 1))]],
    expect: { empty: { size: 0 }, zeros: { size: 100_000 }, block: { size: 512 } },
  },
];

export const metadataCases = layerCases(cases);
