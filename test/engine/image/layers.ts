import { dir, file, hardlink, symlink } from '../../../src/testing/entries.js';
import type { RawEntry } from '../../helpers/tar.js';

const long = `long/${'n'.repeat(120)}`;
/** A sparse file in GNU's PAX format 0.1: 4 bytes, a hole, 4 bytes. */
const sparse: RawEntry = file('GNUSparseFile.0/sparse', 'headtail', {
  pax: {
    ...{ 'GNU.sparse.size': '100000', 'GNU.sparse.numblocks': '2', 'GNU.sparse.name': 'sparse' },
    'GNU.sparse.map': '0,4,99996,4',
  },
});

/**
 * Layers with all that a squash must keep or resolve: files that are deleted, replaced, and of changed type; hardlinks across
 * layers; an opaque directory, and one that is deleted and comes back; special files, long and non-ASCII names, a hole. All
 * directories have entries, so that all programs unpack them alike.
 */
export const mixedLayers: RawEntry[][] = [
  [
    dir('.', { mode: 0o751, mtime: 1111 }),
    dir('etc', { mode: 0o750, uid: 7, mtime: 2222, xattrs: { 'user.dir': 'd' } }),
    file('etc/passwd', 'root', { mode: 0o600, mtime: 3333 }),
    file('etc/old', 'old'),
    dir('data', { mode: 0o555, mtime: 4444 }),
    file('data/one', 'linked', { xattrs: { 'user.x': Buffer.from([0, 255, 10]) } }),
    hardlink('data/two', 'data/one'),
    file('data/only-below', 'kept', { uid: 3_000_000 }),
    hardlink('data/also-below', 'data/only-below'),
    dir('deleted'),
    file('deleted/file', 'x'),
    dir('renewed', { xattrs: { 'user.gone': '1' } }),
    file('renewed/below', 'x'),
    dir('opaque', { mode: 0o711 }),
    file('opaque/below', 'x'),
    dir('opaque/both'),
    file('opaque/both/below', 'x'),
    file('becomes-directory', 'x'),
    dir('becomes-file'),
    file('becomes-file/x', 'x'),
    symlink('becomes-real', 'etc'),
    symlink('link', '/etc/passwd'),
    hardlink('link-too', 'link'),
    { name: 'null', type: 'char', devMajor: 1, devMinor: 3, mode: 0o666 },
    { name: 'pipe', type: 'fifo', mode: 0o640 },
    file('setuid', 'binary', { mode: 0o6755, uid: 12, gid: 34 }),
    dir('long'),
    file(long, 'long'),
    file('caf\u00c3\u00a9', 'utf8'),
    file('\u00ff', 'not utf8'),
    sparse,
    file('empty', ''),
    hardlink('empty-too', 'empty'),
  ],
  [
    dir('etc', { mode: 0o755, mtime: 5555 }),
    file('etc/.wh.old'),
    file('etc/new', 'new'),
    dir('data', { mode: 0o555, mtime: 6666 }),
    hardlink('data/three', 'data/two'),
    file('.wh.deleted'),
    file('.wh.renewed'),
    dir('opaque', { mode: 0o700 }),
    file('opaque/.wh..wh..opq'),
    file('opaque/above', 'y'),
    dir('becomes-directory'),
    file('becomes-directory/x', 'y'),
    file('becomes-file', 'y'),
    dir('becomes-real'),
    file('becomes-real/passwd', 'other'),
  ],
  [
    dir('renewed', { mtime: 7777 }),
    file('renewed/above', 'z'),
    dir('data', { mode: 0o555, mtime: 8888 }),
    file('data/.wh.one'),
    dir('etc', { mode: 0o755, mtime: 9999 }),
    file('etc/passwd', 'changed', { mtime: 1_000_000_000.25 }),
  ],
];
