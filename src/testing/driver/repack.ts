import { dir, file, hardlink, symlink } from '../entries.js';
import { type RepackCase, repackCase } from './repack-case.js';

const base = [
  dir('d', { mode: 0o750, mtime: 5 }),
  file('d/a', 'aaa', { mtime: 6 }),
  file('d/b', 'bbb'),
  dir('d/sub', { mtime: 7 }),
  file('d/sub/x', 'x', { mode: 0o4755, uid: 3 }),
  file('f', 'content'),
];
const middle = [file('d/c', 'ccc'), file('d/sub/y', 'y')];
const layers = [base, middle];
const changes = 'image-spec layer.md, "Change Types"';
const whiteouts = 'image-spec layer.md, "Whiteouts"';
const same = 'a layer holds only changes: umoci repack, umoci#293';

const cases: RepackCase[] = [
  {
    name: 'nothing changed',
    rule: 'without changes, a repack adds no layer',
    source: same,
    layers,
    edit: () => {},
    entries: [],
  },
  {
    name: 'files that were opened for writing, or got the same mode again',
    rule: 'a file that was copied up but did not change is not in the layer',
    source: 'overlayfs copies up before the first write; Linux, overlayfs.rst, "Non-directories"',
    layers,
    edit: (e) => {
      e.touchNothing('d/sub/x');
      e.chmod('f', 0o644);
      e.chmod('d', 0o750);
      e.chown('d/b', 0, 0);
    },
    entries: [],
  },
  {
    name: 'a change that was reverted',
    rule: 'a file in its original state is not a change',
    source: same,
    layers,
    edit: (e) => {
      e.mtime('f', 77);
      e.mtime('f', 1_000_000_000);
      e.write('d/sub/new', '');
      e.remove('d/sub/new');
      e.mtime('d/sub', 7);
    },
    entries: [],
  },
  {
    name: 'added files and directories',
    rule: 'each is an entry, with all its properties',
    source: changes,
    layers,
    edit: (e) => {
      e.write('d/new', 'new');
      e.mkdir('made', 0o700);
      e.mkdir('made/deep', 0o2755);
      e.write('made/deep/f', 'f');
      e.chown('made/deep/f', 5, 6);
      e.chmod('made/deep/f', 0o4711);
      e.symlink('d/l', '/etc/none');
      e.mkdir('empty');
    },
    entries: ['d/new', 'made', 'made/deep', 'made/deep/f', 'd/l', 'empty'],
  },
  {
    name: 'changed content with another size, and with the same size and time',
    rule: 'content counts, even if stat is the same',
    source: changes,
    layers,
    edit: (e) => {
      e.write('f', 'longer content');
      e.rewriteQuietly('d/a', 'AAA');
    },
    entries: ['f', 'd/a'],
  },
  {
    name: 'files that were written in place, appended to and truncated, without a flush',
    rule: 'changes that are only cached are in the layer',
    source: 'kaniko#289; page cache, Linux vm.dirty_expire_centisecs',
    layers: [...layers, [file('db', 'z'.repeat(300_000)), file('log', 'l'.repeat(5000))]],
    edit: (e) => {
      e.append('d/a', 'more');
      e.writeInPlace('d/b', 1, 'B');
      e.writeInPlace('db', 70_000, 'row');
      e.append('d/c', 'c'.repeat(100_000));
      e.truncate('log', 4999);
    },
    unread: true,
    entries: ['d/a', 'd/b', 'db', 'd/c', 'log'],
  },
  {
    name: 'times that differ in the fraction of a second',
    rule: 'a layer has whole seconds: another fraction is not a change, but content is',
    source: 'buildkit#2480; umoci, mtree keyword tar_time',
    layers,
    edit: (e) => {
      for (const name of ['d/a', 'd', 'f', 'd/b']) e.mtimeFraction(name, 123_456_789);
      e.writeInPlace('f', 0, 'C');
      e.mtime('f', 1_000_000_000);
      e.mtimeFraction('f', 500_000_000);
    },
    entries: ['f'],
  },
  {
    name: 'deleted files and directories',
    rule: 'each is one whiteout, without whiteouts below a deleted directory',
    source: whiteouts,
    layers: [...layers, [file('top', 't'), dir('tree'), dir('tree/of'), file('tree/of/files')]],
    edit: (e) => {
      e.remove('d/a');
      e.remove('d/c');
      e.remove('top');
      e.remove('tree');
    },
    entries: ['d/.wh.a', 'd/.wh.c', '.wh.top', '.wh.tree'],
  },
  {
    name: 'renamed files and directories',
    rule: 'the old name is hidden, and the new name is added with everything below it',
    source: 'image-spec layer.md, "Representing Changes"; overlayfs.rst, redirect_dir',
    layers,
    edit: (e) => {
      e.rename('f', 'g');
      e.rename('d/sub', 'moved');
    },
    entries: ['.wh.f', 'g', 'd/.wh.sub', 'moved', 'moved/x', 'moved/y'],
  },
  {
    name: 'a file becomes a directory, and a directory becomes a file',
    rule: 'a replaced path is one new entry, and whiteouts are never below a non-directory',
    source: changes,
    layers,
    edit: (e) => {
      e.remove('f');
      e.mkdir('f');
      e.write('f/in', 'in');
      e.remove('d/sub');
      e.write('d/sub', 'a file now');
    },
    entries: ['f', 'f/in', 'd/sub'],
  },
  {
    name: 'a directory becomes a symlink to another directory',
    rule: 'the link is the only entry: whiteouts below it would delete files in its target',
    source: 'umoci repack: old -> /etc, followed by old/.wh.x',
    layers: [...layers, [dir('etc'), file('etc/x'), file('d/sub/etc')]],
    edit: (e) => {
      e.remove('d/sub');
      e.symlink('d/sub', '/etc');
    },
    entries: ['d/sub'],
  },
  {
    name: 'a symlink becomes a directory, and another symlink a file',
    rule: 'the targets of the links are not hidden or changed',
    source: changes,
    layers: [...layers, [symlink('l', 'd'), symlink('m', 'f')]],
    edit: (e) => {
      e.remove('l');
      e.mkdir('l');
      e.write('l/a', 'other');
      e.remove('m');
      e.write('m', 'm');
    },
    entries: ['l', 'l/a', 'm'],
  },
  {
    name: 'a directory that is created again with some of its old names',
    rule: 'removed files do not come back',
    source: 'overlayfs.rst, "opaque directories"; image-spec layer.md, "Opaque Whiteout"',
    layers,
    edit: (e) => {
      e.remove('d');
      e.mkdir('d', 0o711);
      e.write('d/a', 'again');
      e.mkdir('d/sub');
    },
    entries: ['d', 'd/a', 'd/sub'],
    // an opaque marker or whiteouts: both hide the removed files
    mayHave: /^d\/(.*\/)?\.wh\./,
  },
  {
    name: 'only metadata of files: mode, owner, time',
    rule: 'each is a change, and other files are not',
    source: changes,
    layers,
    edit: (e) => {
      e.chmod('d/a', 0o600);
      e.chown('d/b', 12, 34);
      e.mtime('d/c', 99);
      e.chmod('f', 0o4755);
    },
    entries: ['d/a', 'd/b', 'd/c', 'f'],
  },
  {
    name: 'only metadata of directories, including the root',
    rule: 'the directory is an entry, its files are not',
    source: changes,
    layers,
    edit: (e) => {
      e.chmod('d', 0o700);
      e.chown('d/sub', 1, 2);
      e.chmod('.', 0o711);
    },
    entries: ['d', 'd/sub', '.'],
  },
  {
    name: 'extended attributes, set, changed and removed',
    rule: 'xattrs of files and directories count',
    source: 'image-spec layer.md, "File Attributes"',
    layers: [
      ...layers,
      [
        file('x1', '', { xattrs: { 'user.a': '1' } }),
        file('x2', '', { xattrs: { 'user.a': '1', 'user.b': '2' } }),
      ],
    ],
    edit: (e) => {
      e.setXattr('f', 'user.new', Buffer.from([0, 255, 10]));
      e.setXattr('x1', 'user.a', '2');
      e.removeXattr('x2', 'user.b');
      e.setXattr('d/sub', 'trusted.note', 'x');
      e.setXattr('d/a', 'security.capability', Buffer.from(`01000002${'0020000000000000'.repeat(2)}`, 'hex'));
    },
    entries: ['f', 'x1', 'x2', 'd/sub', 'd/a'],
  },
  {
    name: 'a new hardlink of a file, and a removed hardlink',
    rule: 'a file with a new name is in the layer under all its names; a removed name is hidden',
    source: 'image-spec layer.md, "Hardlinks"',
    layers: [...layers, [file('h1', 'h'), hardlink('h2', 'h1'), hardlink('h3', 'h1')]],
    edit: (e) => {
      e.link('f', 'd/f2');
      e.remove('h3');
    },
    entries: ['f', 'd/f2', '.wh.h3'],
    mayHave: /^h[12]$/,
    linked: ['d/f2', 'f'],
  },
  {
    name: 'the content of a file with several names',
    rule: 'all remaining names are in the layer and stay one file; on overlayfs a copy-up separates one name from the others',
    source: 'image-spec layer.md, "Hardlinks"',
    layers: [...layers, [file('h1', 'h'), hardlink('d/h2', 'h1')]],
    edit: (e) => e.write('h1', 'changed'),
    entries: ['h1'],
    mayHave: /^d\/(h2)?$/,
  },
  {
    name: 'devices and fifos, new, changed and replaced',
    rule: 'device numbers count',
    source: 'image-spec layer.md, "File Types"',
    layers: [
      ...layers,
      [
        { name: 'dev', type: 'char', devMajor: 1, devMinor: 3 },
        { name: 'p', type: 'fifo' },
      ],
    ],
    edit: (e) => {
      e.remove('dev');
      e.device('dev', 1, 5);
      e.mtime('dev', 1_000_000_000);
      e.remove('p');
      e.write('p', 'a file');
      e.fifo('d/fifo');
      e.device('d/null', 1, 3);
    },
    entries: ['dev', 'p', 'd/fifo', 'd/null'],
  },
  {
    name: 'symlinks with another target',
    rule: 'the target counts, also if the length is the same',
    source: changes,
    layers: [...layers, [symlink('l', 'abc')]],
    edit: (e) => {
      e.remove('l');
      e.symlink('l', 'abd');
      e.mtime('l', 1_000_000_000);
    },
    entries: ['l'],
  },
  {
    name: 'names with newlines and invalid UTF-8',
    rule: 'names are bytes, added, changed and deleted',
    source: 'path_resolution(7)',
    layers: [...layers, [file('old\n\xff', 'x'), dir('dir\xfe'), file('dir\xfe/gone'), file(' \t')]],
    edit: (e) => {
      e.write('old\n\xff', 'changed');
      e.remove('dir\xfe/gone');
      e.write('dir\xfe/\n', 'new');
      e.remove(' \t');
    },
    entries: ['old\n\xff', 'dir\xfe/.wh.gone', 'dir\xfe/\n', '.wh. \t'],
  },
  {
    name: 'changes below an unlisted directory and in an opaque directory',
    rule: 'the origin of a directory does not matter',
    source: changes,
    layers: [...layers, [file('i/j/k', 'k'), file('d/.wh..wh..opq'), file('d/only', 'o')]],
    edit: (e) => {
      e.write('i/j/k', 'changed');
      e.write('d/only', 'changed');
      e.write('d/a', 'back');
    },
    entries: ['i/j/k', 'd/only', 'd/a'],
  },
];

export const repackCases = cases.map(repackCase);
