import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Tree } from '../../../src/layer/apply/tree.js';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { treeOf } from '../../helpers/tree.js';
import { apply, applyOne, dir, file, hardlink, symlink } from './harness.js';

test.beforeEach((t) => {
  requires(t, 'root');
});

test('every type, with all it can have', (t) => {
  const { tree, layers } = apply(t, [
    [
      dir('.', { mode: 0o750, uid: 1, gid: 2, mtime: 5, xattrs: { 'user.r': 'oot' } }),
      dir('d', { mode: 0o1777, uid: 3, gid: 4, mtime: 1.000000001 }),
      file('d/f', 'x'.repeat(5000), {
        mode: 0o4755,
        uid: 70000,
        gid: 4294967294,
        mtime: 1234567890.5,
      }),
      { ...symlink('d/l', '../../../etc/passwd'), uid: 5, gid: 6, mtime: -1.5 },
      { name: 'd/c', type: 'char', devMajor: 5, devMinor: 300, mode: 0o620, uid: 7, mtime: 9 },
      { name: 'd/b', type: 'block', devMajor: 259, devMinor: 1048575, mode: 0o660 },
      { name: 'd/p', type: 'fifo', mode: 0o604, gid: 8 },
      hardlink('d/h', 'd/f'),
    ],
  ]);
  t.deepEqual(tree.get('.'), {
    type: 'dir',
    mode: '0750',
    owner: '1:2',
    mtime: '5.000000000',
    xattrs: { 'user.r': '6f6f74' },
  });
  t.like(tree.get('d'), { mode: '1777', owner: '3:4', mtime: '1.000000001' });
  t.like(tree.get('d/f'), { mode: '4755', owner: '70000:4294967294', size: 5000, links: ['d/f', 'd/h'] });
  t.like(tree.get('d/l'), { target: '../../../etc/passwd', owner: '5:6', mtime: '-2.500000000' });
  t.deepEqual(tree.get('d/c'), {
    type: 'char',
    mode: '0620',
    owner: '7:0',
    mtime: '9.000000000',
    device: '5,300',
  });
  t.like(tree.get('d/b'), { type: 'block', mode: '0660', device: '259,1048575' });
  t.like(tree.get('d/p'), { type: 'fifo', mode: '0604', owner: '0:8' });
  t.is(layers[0]?.entries, 8);
});

test('nanoseconds of PAX times are kept', (t) => {
  const { tree } = apply(t, [[file('f', '', { pax: { mtime: '1234567890.123456789' } })]]);
  t.is(tree.get('f')?.mtime, '1234567890.123456789');
});

test('every type replaces every type', (t) => {
  const types = [
    dir('x'),
    file('x', 'new'),
    symlink('x', 'etc'),
    { name: 'x', type: 'fifo' },
    hardlink('x', 'other'),
    { name: 'x', type: 'char', devMajor: 1, devMinor: 3 },
  ];
  const base = [dir('etc'), file('etc/kept'), file('other')];
  for (const before of types) {
    for (const after of types) {
      const below = before.type === 'dir' ? [file('x/below')] : [];
      const { root } = apply(t, [[...base, before, ...below], [after]]);
      const expected = after.type === 'hardlink' ? 'file' : (after.type ?? 'file');
      t.is(typeOf(join(root, 'x')), expected, `${before.type} ${after.type}`);
      t.is(existsSync(join(root, 'x/below')), before.type === 'dir' && after.type === 'dir');
      t.true(existsSync(join(root, 'etc/kept')));
    }
  }
});

test('a name written twice is what the last entry says, and writes to no hardlink of the first', (t) => {
  const { tree, root } = apply(t, [[file('f', 'first'), hardlink('h', 'f'), file('f', 'second')]]);
  t.is(readFileSync(join(root, 'f'), 'utf8'), 'second');
  t.is(readFileSync(join(root, 'h'), 'utf8'), 'first');
  t.is(tree.get('h')?.links, undefined);
});

test("a directory's metadata changes only by its own entry", (t) => {
  const base = [
    dir('.', { mtime: 11 }),
    dir('d', { mode: 0o701, uid: 9, mtime: 22, xattrs: { 'user.a': '1' } }),
    dir('d/e', { mtime: 33 }),
    file('d/e/f'),
  ];
  const { tree } = apply(t, [
    base,
    [
      file('d/e/new'),
      file('d/e/.wh.f'),
      symlink('d/l', 'x'),
      hardlink('d/h', 'd/e/new'),
      dir('d/e/sub'),
      file('top'),
    ],
  ]);
  t.is(tree.get('.')?.mtime, '11.000000000');
  t.deepEqual(tree.get('d'), {
    type: 'dir',
    mode: '0701',
    owner: '9:0',
    mtime: '22.000000000',
    xattrs: { 'user.a': '31' },
  });
  t.is(tree.get('d/e')?.mtime, '33.000000000');
  const changed = apply(t, [base, [dir('d', { mode: 0o755, mtime: 44 }), file('d/x')]]).tree;
  t.deepEqual(changed.get('d'), { type: 'dir', mode: '0755', owner: '0:0', mtime: '44.000000000' });
});

test('the entry of a directory may come after what is in it', (t) => {
  const { tree } = apply(t, [
    [file('d/e/f'), dir('d/e', { mode: 0o711, mtime: 5 }), dir('d', { mode: 0o700, mtime: 6 })],
  ]);
  t.like(tree.get('d'), { mode: '0700', mtime: '6.000000000' });
  t.like(tree.get('d/e'), { mode: '0711', mtime: '5.000000000' });
});

test('parents without an entry are 0755, of root and of 1970', (t) => {
  const { tree } = apply(t, [[file('a/b/c')]]);
  for (const path of ['a', 'a/b']) {
    t.deepEqual(tree.get(path), { type: 'dir', mode: '0755', owner: '0:0', mtime: '0.000000000' });
  }
});

test('files have their owners, also in a directory whose group they would get, and after it has changed', (t) => {
  const owner = (uid: number, gid: number) => ({ uid, gid });
  const { tree } = apply(t, [
    [
      file('a', '', owner(0, 0)),
      file('b', '', owner(5, 6)),
      file('c', '', owner(0, 0)),
      dir('d', { mode: 0o2755, gid: 7 }),
      file('d/a', '', owner(0, 7)),
      file('d/b', '', owner(0, 0)),
      file('d/c', '', owner(0, 7)),
      dir('d', { mode: 0o2755, gid: 8 }),
      file('d/d', '', owner(0, 7)),
      file('d/e', '', owner(0, 8)),
      dir('d', { mode: 0o755, gid: 8 }),
      file('d/f', '', owner(0, 8)),
      file('d/g', '', owner(0, 0)),
    ],
  ]);
  const owners = ['a', 'b', 'c', ...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `d/${name}`)].map(
    (path) => tree.get(path)?.owner,
  );
  t.deepEqual(owners, ['0:0', '5:6', '0:0', '0:7', '0:0', '0:7', '0:7', '0:8', '0:8', '0:0']);
});

test('neither the umask nor a setgid parent nor its access list shows', (t) => {
  const root = tmpdir(t);
  execFileSync('chmod', ['2755', root]);
  execFileSync('chgrp', ['7', root]);
  // an access list as in acl(5): user::rwx, user:9:rwx, group::r-x, mask::rwx, other::---
  const acl = Buffer.alloc(4 + 5 * 8);
  acl.writeUInt32LE(2);
  [
    [1, 7, -1],
    [2, 7, 9],
    [4, 5, -1],
    [16, 7, -1],
    [32, 0, -1],
  ].forEach(([tag, perm, id], i) => {
    acl.writeUInt16LE(tag!, 4 + i * 8);
    acl.writeUInt16LE(perm!, 6 + i * 8);
    acl.writeInt32LE(id!, 8 + i * 8);
  });
  const xattrs = { 'system.posix_acl_default': acl };
  applyOne([dir('acl', { xattrs, mode: 0o2775, gid: 5 })], root, new Tree(), [], {});
  const umask = process.umask(0o077);
  applyOne(
    [
      file('f', '', { mode: 0o666 }),
      dir('d', { mode: 0o777 }),
      file('i/f', '', { mode: 0o644 }),
      file('acl/f'),
      dir('acl/d'),
      file('acl/i/f'),
      { name: 'acl/p', type: 'fifo' },
    ],
    root,
    new Tree(),
    [],
    {},
  );
  process.umask(umask);
  const tree = treeOf(root);
  t.deepEqual(Object.keys(tree.get('acl')?.xattrs ?? {}), ['system.posix_acl_default']);
  for (const [path, mode] of [
    ['f', '0666'],
    ['d', '0777'],
    ['i', '0755'],
    ['i/f', '0644'],
    ['acl/f', '0644'],
    ['acl/d', '0755'],
    ['acl/i', '0755'],
    ['acl/i/f', '0644'],
    ['acl/p', '0644'],
  ] as const) {
    t.like(tree.get(path), { mode, owner: '0:0' }, path);
    t.is(tree.get(path)?.xattrs, undefined, path);
  }
});

test('capabilities and setuid bits survive the change of owner', (t) => {
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  const { tree } = apply(t, [
    [file('ping', 'x', { uid: 8, mode: 0o6755, xattrs: { 'security.capability': capability } })],
  ]);
  t.like(tree.get('ping'), {
    mode: '6755',
    owner: '8:0',
    xattrs: { 'security.capability': capability.toString('hex') },
  });
});

test('an attribute that cannot be is an error that names it', (t) => {
  const xattrs = { 'security.capability': 'nonsense' };
  t.throws(() => apply(t, [[file('f', '', { xattrs })]]), {
    code: 'LAYER_ENTRY',
    message: /security\.capability/,
  });
});

test('attributes of the host are left out, with one warning', (t) => {
  const xattrs = { 'security.selinux': 'label', 'user.kept': 'x' };
  const { tree, warnings } = apply(t, [[file('a', '', { xattrs }), file('b', '', { xattrs })]]);
  t.deepEqual(tree.get('a')?.xattrs, { 'user.kept': '78' });
  t.is(warnings.length, 1);
});

const unopened: [string, Partial<RawEntry>][] = [
  ['symlink', { linkname: 'f' }],
  ['fifo', {}],
  ['char', { devMajor: 1, devMinor: 3 }],
  ['block', { devMajor: 7, devMinor: 0 }],
];

for (const whiteouts of [null, 'overlay'] as const) {
  for (const overlayXattr of ['trusted', 'user'] as const) {
    test(`whiteouts ${whiteouts}, ${overlayXattr}: user attributes of a symlink, FIFO or device are left out`, (t) => {
      const xattrs = { 'user.overlay.impure': 'y', 'user.note': 'v', 'trusted.note': 'v' };
      const entries = unopened.map(([type, rest]): RawEntry => ({ name: type, type, xattrs, ...rest }));
      const { tree, warnings } = apply(t, [[file('f', '', { xattrs }), ...entries]], {
        whiteouts,
        overlayXattr,
      });
      for (const [type] of unopened) t.deepEqual(tree.get(type)?.xattrs, { 'trusted.note': '76' }, type);
      t.is(Object.keys(tree.get('f')!.xattrs!).length, 3);
      t.is(warnings.length, 1);
      t.regex(warnings[0]!, /^symlink: user\.overlay\.(overlay\.)?impure is not set, because Linux allows/);
    });
  }
}

test('an attribute that the filesystem does not support is left out, with one warning', (t) => {
  const xattrs = { 'unknown.name': 'v', 'user.kept': 'v' };
  const { tree, warnings } = apply(t, [[file('a', '', { xattrs }), dir('b', { xattrs })]]);
  for (const path of ['a', 'b']) t.deepEqual(tree.get(path)?.xattrs, { 'user.kept': '76' });
  t.deepEqual(warnings, [
    'a: unknown.name is not set, because the filesystem does not support the attribute',
  ]);
});

test('an existing directory loses the attributes that its new entry does not have', (t) => {
  const { tree } = apply(t, [
    [dir('d', { xattrs: { 'user.a': '1', 'user.b': '2', 'trusted.overlay.opaque': 'y' } })],
    [dir('d', { xattrs: { 'user.b': '3' } })],
  ]);
  t.deepEqual(tree.get('d')?.xattrs, { 'user.b': '33' });
});

test('overlay attributes and devices 0:0 are data to a plain directory', (t) => {
  const { tree } = apply(t, [
    [
      dir('d', { xattrs: { 'trusted.overlay.opaque': 'y' } }),
      { name: 'd/c', type: 'char', devMajor: 0, devMinor: 0 },
    ],
  ]);
  t.deepEqual(tree.get('d')?.xattrs, { 'trusted.overlay.opaque': '79' });
  t.is(tree.get('d/c')?.device, '0,0');
});

test('content in pieces, of any length around the block size', (t) => {
  const lengths = [0, 1, 511, 512, 513, 999, 1000, 1001, 70_000];
  const { root } = apply(t, [
    lengths.map((length) => file(`f${length}`, 'ab'.repeat(length).slice(0, length))),
  ]);
  for (const length of lengths) {
    t.is(readFileSync(join(root, `f${length}`), 'latin1'), 'ab'.repeat(length).slice(0, length));
  }
});

test('sparse files stay sparse', (t) => {
  if (!requires(t, 'tar')) return;
  const source = tmpdir(t);
  writeFileSync(join(source, 'sparse'), 'begin');
  execFileSync('truncate', ['-s', '20M', join(source, 'sparse')]);
  writeFileSync(join(source, 'sparse'), 'middle', { flag: 'r+' });
  execFileSync('truncate', ['-s', '30M', join(source, 'sparse')]);
  execFileSync('truncate', ['-s', '5M', join(source, 'hole')]);
  for (const format of ['gnu', 'posix']) {
    const bytes = execFileSync('tar', ['-C', source, '-S', `--format=${format}`, '-c', '.'], {
      maxBuffer: 2 ** 26,
    });
    const { root, tree } = apply(t, [bytes]);
    const original = treeOf(source);
    for (const name of ['sparse', 'hole']) {
      t.is(tree.get(name)?.sha256, original.get(name)?.sha256, format);
      t.true(lstatSync(join(root, name)).blocks < 1000, format);
    }
  }
});

test('names of any bytes', (t) => {
  const names = ['new\nline', ' ', '\xff\xfe', 'caf\xc3\xa9', '\\', '"', 'a'.repeat(255), '-rf', '\x01'];
  const { tree } = apply(t, [
    names.flatMap((name) => [
      dir(`d${name}`.slice(0, 255)),
      file(`d${name}`.slice(0, 255).concat('/', name)),
    ]),
  ]);
  for (const name of names)
    t.true(tree.has(`d${name}`.slice(0, 255).concat('/', name)), JSON.stringify(name));
});

test('names and links that are too long are refused', (t) => {
  const long = { code: 'LAYER_ENTRY', message: /too long/ };
  t.throws(() => apply(t, [[file('x'.repeat(256))]]), long);
  t.throws(() => apply(t, [[symlink('l', 'x'.repeat(5000))]]), long);
  t.throws(() => apply(t, [[file(`${'d/'.repeat(3000)}f`)]]), long);
});

test('a path as deep as PATH_MAX allows', (t) => {
  const { root } = apply(t, [[file(`${'d/'.repeat(2000)}f`)], [file('.wh.d')]]);
  t.deepEqual(readdirSync(root), []);
});

test('a whiteout of the longest path', (t) => {
  const parent = 'd/'.repeat(2047);
  const { root } = apply(t, [[file(`${parent}f`)], [file(`${parent}.wh.f`), file('kept')]]);
  t.deepEqual(readdirSync(root).sort(), ['d', 'kept']);
  const long = { code: 'LAYER_ENTRY', message: /too long/ };
  t.throws(() => apply(t, [[file(`${parent}.wh.ff`)]]), long);
});

test('many directories: more than are kept open', (t) => {
  const dirs = Array.from({ length: 700 }, (_, i) => `d${i}/e`);
  const { tree } = apply(t, [
    [...dirs.map((name) => dir(name, { mtime: 5 })), ...dirs.map((name) => file(`${name}/f`))],
    dirs.map((name) => file(`${name}/.wh.f`)),
  ]);
  t.is(tree.size, 1401);
  t.true(dirs.every((name) => tree.get(name)?.mtime === '5.000000000'));
});

test('a full disk is said to be one', (t) => {
  const root = join(tmpdir(t), 'full');
  mkdirSync(root);
  if (!requires(t, 'mount')) return;
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', root]);
  t.teardown(() => execFileSync('umount', [root]));
  t.throws(() => applyOne([file('big', 'x'.repeat(200_000))], root, new Tree(), [], {}), {
    code: 'NO_SPACE',
  });
});

function typeOf(path: string): string {
  const stat = lstatSync(path);
  if (stat.isDirectory()) return 'dir';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  return stat.isCharacterDevice() ? 'char' : 'file';
}
