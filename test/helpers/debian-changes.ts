import { type RawEntry, utf8 } from './tar.js';

/**
 * A layer on top of Debian with everything that a layer can do and that umoci 0.4.7 does correctly too (other tests cover
 * its errors): whiteouts, an opaque directory, type changes, links, devices, attributes, odd names, large owner numbers,
 * and changes below directories that the layer does not list.
 */
export function changedLayer(): RawEntry[] {
  return [
    { name: 'etc/', type: 'dir', mtime: 1_500_000_000 },
    { name: 'etc/motd', content: 'changed\n', pax: { mtime: '1500000001.123456789' } },
    { name: 'etc/.wh.issue' },
    { name: 'usr/share/doc/.wh.perl' },
    { name: 'usr/share/locale/', type: 'dir', mtime: 1_500_000_002 },
    { name: 'usr/share/locale/.wh..wh..opq' },
    { name: 'usr/share/locale/new', content: 'only this is left' },
    { name: 'opt/', type: 'dir', mode: 0o2775, gid: 50 },
    { name: 'opt/setuid', content: 'x', mode: 0o4755, uid: 1000, gid: 1000 },
    { name: 'opt/sticky/', type: 'dir', mode: 0o1777, mtime: 1_400_000_000 },
    { name: 'opt/nobody', content: '', mode: 0, uid: 65534, gid: 65534 },
    { name: 'opt/big-owner', content: 'y', uid: 3_000_000_000, gid: 2_500_000 },
    { name: 'opt/hard', type: 'hardlink', linkname: 'opt/setuid' },
    { name: 'opt/bash', type: 'hardlink', linkname: 'bin/bash' },
    { name: 'opt/dangling', type: 'symlink', linkname: '../no/such/thing' },
    { name: 'opt/absolute', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'opt/null', type: 'char', devMajor: 1, devMinor: 3, mode: 0o666 },
    { name: 'opt/loop', type: 'block', devMajor: 7, devMinor: 300, mode: 0o660, gid: 6 },
    { name: 'opt/fifo', type: 'fifo', mode: 0o600 },
    { name: utf8('opt/zwölf Boxkämpfer'), content: 'text' },
    { name: 'opt/not\xff\xfeutf8', content: 'bytes' },
    { name: 'opt/new\nline', content: 'newline' },
    { name: 'opt/ space and \\ backslash ', content: 'plain' },
    { name: `opt/${'long'.repeat(40)}/`, type: 'dir' },
    { name: `opt/${'long'.repeat(40)}/${'name'.repeat(40)}`, content: 'long' },
    { name: 'opt/caps', content: 'z', mode: 0o755, xattrs: { 'security.capability': capNetRaw } },
    {
      name: 'opt/xattr',
      content: 'z',
      xattrs: { 'user.binary': Buffer.from([0, 1, 255, 10, 61]), 'user.text': 'v' },
    },
    { name: 'opt/xattr-dir/', type: 'dir', xattrs: { 'trusted.note': 'dir' } },
    { name: 'var/lib/dpkg/status-old', type: 'dir', mode: 0o700 },
    { name: 'usr/games', content: 'a file where a directory was' },
    { name: 'opt/.wh.was-never-there' },
    { name: 'srv', type: 'symlink', linkname: 'opt' },
  ];
}

/** cap_net_raw=ep, version 2, as in linux/capability.h */
const capNetRaw = Buffer.from('0100000200200000000000000000000000000000', 'hex');
