import { execFileSync } from 'node:child_process';
import { lstatSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { superblockAt, tarAt } from '../../src/erofs/format.js';
import { ErofsImage, type ErofsImageOptions } from '../../src/erofs/image.js';
import type { CheckedEntry } from '../../src/layer/types.js';
import { fromText } from '../../src/system/bytes.js';
import { unmount } from '../../src/system/mount.js';
import { mountErofs, tryMountErofs } from '../../src/system/mount-erofs.js';
import { dir, file, hardlink, symlink } from '../../src/testing/entries.js';
import { LayerModel } from '../../src/testing/model.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { sparseFormats } from '../helpers/sparse.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';
import { entriesOf, images, listOf } from './harness.js';

const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
const acl = Buffer.from(
  '0200000001000600ffffffff02000600e803000004000400ffffffff10000600ffffffff20000400ffffffff',
  'hex',
);

/** Every byte that a name may hold. */
const oddNames = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).filter(
  (name) => !/[./]/.test(name),
);

/** Every kind of file and value that a tar can hold. */
const everything: RawEntry[] = [
  dir('.', { mode: 0o751, uid: 3, gid: 4, mtime: 7 }),
  dir('d', { mode: 0o1777, xattrs: { 'user.d': 'directory', 'system.posix_acl_default': acl } }),
  file('d/f', 'x'.repeat(100_000), { mode: 0o4755, uid: 70_000, gid: 0xfffffffe, mtime: 5.25 }),
  file('d/empty', '', { mtime: -1.5 }),
  file('d/one', '1', { xattrs: { 'security.capability': capability, 'trusted.t': Buffer.alloc(3000, 1) } }),
  file('d/acl', '2', { mode: 0o664, xattrs: { 'system.posix_acl_access': acl } }),
  ...[1, 300, 447, 448, 449, 512, 4095].map((length) => symlink(`link-${length}`, 'l'.repeat(length))),
  hardlink('d/hard', 'd/f'),
  hardlink('hard-link', 'link-300'),
  { name: 'char', type: 'char', devMajor: 4095, devMinor: 1_048_575 },
  { name: 'block', type: 'block', devMajor: 8, devMinor: 300 },
  { name: 'fifo', type: 'fifo', mode: 0o600 },
  file('implicit/deep/er/file', 'i'),
  ...oddNames.map((name) => file(`names/${name}`, 'n')),
];

rootTest('the kernel shows every kind of file as GNU tar extracts it', async (t) => {
  const bytes = tar(everything);
  await using made = await images(t, [bytes]);
  const [root, mine] = [join(tmpdir(t), 'root'), made.tree()];
  execFileSync('mkdir', ['-m', '755', root]);
  const options = ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '--same-owner', '-p'];
  // GNU tar has records of its own for access lists, and sets the times of directories before their last file
  execFileSync('tar', [...options, '-xf', '-', '-C', root], {
    input: bytes,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ignored = (path: string, field: string) =>
    (field === 'mtime' && /^(d|names|implicit.*)$/.test(path)) ||
    (field === 'xattrs' && /^d(\/acl)?$/.test(path));
  t.deepEqual(diffTrees(mine, treeOf(root), ignored), []);
  t.deepEqual(made.warnings, []);
});

rootTest('attributes, access lists, and files of the overlay below', async (t) => {
  const layers: RawEntry[][] = [
    everything,
    [
      file('d/.wh.f'),
      hardlink('copy', 'd/one'),
      file('names/.wh..wh..opq'),
      dir('d'),
      hardlink('l', 'link-4095'),
    ],
  ];
  await using made = await images(t, layers);
  const wanted = LayerModel.of(layers).tree();
  t.deepEqual(diffTrees(made.tree(), wanted), []);
});

rootTest('xattrs and devices that overlayfs would interpret are escaped or refused', async (t) => {
  const xattrs = {
    'trusted.overlay.opaque': 'y',
    'trusted.overlay.redirect': '/etc',
    'user.overlay.opaque': 'y',
  };
  await using made = await images(t, [
    [dir('d'), file('d/f', 'below')],
    [dir('d', { xattrs }), file('d/g')],
  ]);
  t.deepEqual([...made.tree().keys()], ['.', 'd', 'd/f', 'd/g']);
  t.deepEqual(Object.keys(treeOf(made.mounts[0]!).get('d')?.xattrs ?? {}).sort(), [
    'trusted.overlay.overlay.opaque',
    'trusted.overlay.overlay.redirect',
    'user.overlay.opaque',
  ]);
  await t.throwsAsync(images(t, [[{ name: 'x', type: 'char' }]]), { message: /device 0:0/ });
});

rootTest('attributes that EROFS or the host does not keep are named, once for each kind', async (t) => {
  const xattrs = { 'security.selinux': 'x', 'btrfs.compression': 'zlib', 'user.kept': 'y' };
  await using made = await images(t, [[file('a', '', { xattrs }), file('b', '', { xattrs })]]);
  t.deepEqual(made.warnings, [
    'a: security.selinux is not set, because it belongs to the host',
    'a: btrfs.compression is not set: EROFS cannot hold it',
  ]);
  t.deepEqual(Object.keys(made.tree().get('b')?.xattrs ?? {}), ['user.kept']);
});

rootTest('user attributes of links, FIFOs and devices are left out, as Linux refuses them', async (t) => {
  const xattrs = { 'user.note': 'v', 'security.x': 's' };
  const types = [
    { ...symlink('link', 'file'), xattrs },
    { name: 'fifo', type: 'fifo', xattrs },
    { name: 'char', type: 'char', devMajor: 1, devMinor: 3, xattrs },
    { name: 'block', type: 'block', devMajor: 7, xattrs },
  ] as const;
  await using made = await images(t, [[file('file', '', { xattrs }), dir('dir', { xattrs }), ...types]]);
  const tree = made.tree();
  for (const path of ['file', 'dir'])
    t.deepEqual(Object.keys(tree.get(path)?.xattrs ?? {}).sort(), Object.keys(xattrs).sort());
  for (const { name } of types) t.deepEqual(Object.keys(tree.get(name)?.xattrs ?? {}), ['security.x'], name);
  const reason = 'because Linux allows user attributes of files and directories only';
  t.deepEqual(made.warnings, [`link: user.note is not set, ${reason}`]);
});

rootTest('owners of links in a rootless image are left out too', async (t) => {
  const map = { uidMappings: [], gidMappings: [], rootless: true };
  const entries = [file('file', '', { uid: 5 }), { ...symlink('link', 'file'), uid: 5 }];
  await using made = await images(t, [entries], { map });
  t.deepEqual(
    ['file', 'link'].map((path) => Object.keys(made.tree().get(path)?.xattrs ?? {})),
    [['user.rootlesscontainers'], []],
  );
});

rootTest('values that EROFS cannot hold are errors', async (t) => {
  const large = file('large', '', { xattrs: { 'user.x': Buffer.alloc(65_536) } });
  await t.throwsAsync(images(t, [[large]]), {
    code: 'LAYER_ENTRY',
    message: /entry large: setxattr user\.x/,
  });
  const many = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`user.${i}`, Buffer.alloc(60_000)]));
  await t.throwsAsync(images(t, [[file('many', '', { xattrs: many })]]), { code: 'LAYER_ENTRY' });
});

rootTest('sparse files keep their holes, also when a higher layer links to them', async (t) => {
  const content = Buffer.concat([Buffer.alloc(512, 'a'), Buffer.alloc(300, 'b')]);
  const size = 3 * 2 ** 30 + 77;
  const sparse: RawEntry = {
    ...{ name: 'GNUSparseFile.0/s', content },
    pax: {
      ...{ 'GNU.sparse.size': `${size}`, 'GNU.sparse.numblocks': '2', 'GNU.sparse.name': 's' },
      'GNU.sparse.map': `1000,512,${size - 300},300`,
    },
  };
  await using made = await images(t, [[sparse], [hardlink('h', 's')]]);
  for (const path of [join(made.mounts[1]!, 's'), join(made.mounts[0]!, 'h'), join(made.mounts[0]!, 's')]) {
    t.is(lstatSync(path).size, size);
    t.is(readAt(path, 999, 514), `\0${'a'.repeat(512)}\0`);
    t.is(readAt(path, size - 301, 400), `\0${'b'.repeat(300)}`);
    t.is(execFileSync('cp', ['--sparse=auto', path, '/dev/null']).length, 0);
  }
  for (const image of made.files) t.true(lstatSync(image).blocks * 512 < 2 ** 20);
});

rootTest('sparse files of all formats', async (t) => {
  const formats = Object.entries(sparseFormats).map(([format, make]) => make(format, 5_000_000));
  await using made = await images(t, [formats]);
  for (const name of Object.keys(sparseFormats))
    t.true(readFileSync(join(made.mounts[0]!, name)).equals(Buffer.alloc(5_000_000)), name);
});

rootTest('a sparse file that no image can hold is an error', async (t) => {
  const size = 2 ** 52;
  const stretches = Array.from({ length: 40 }, (_, i) => i * 2 ** 46);
  const sparse: RawEntry = {
    ...{ name: 'GNUSparseFile.0/s', content: Buffer.alloc(40) },
    pax: {
      ...{ 'GNU.sparse.size': `${size}`, 'GNU.sparse.numblocks': '40', 'GNU.sparse.name': 's' },
      'GNU.sparse.map': stretches.map((at) => `${at},1`).join(),
    },
  };
  await t.throwsAsync(images(t, [[sparse]]), { code: 'LIMIT_EXCEEDED' });
});

rootTest('200,000 names in one directory, and names of all lengths', async (t) => {
  const count = 200_000;
  const bytes = tar([file('f', 'content')]);
  const [found] = entriesOf(bytes) as [CheckedEntry];
  const path = join(tmpdir(t), 'image');
  writeFileSync(path, Buffer.concat([Buffer.alloc(tarAt), bytes]));
  const nameOf = (i: number) => `${(i * 7919) % count}`.padStart((i % 255) + 1, '\xff');
  function* entries(): Generator<CheckedEntry> {
    for (let i = 0; i < count; i++) yield { ...found, path: `d/${nameOf(i)}` };
  }
  await build(path, entries());
  const place = mounted(t, path);
  const listed = execFileSync('find', [join(place, 'd'), '-type', 'f', '-size', '1'], { maxBuffer: 2 ** 28 });
  t.is(listed.toString('latin1').trimEnd().split('\n').length, count);
  for (const i of [0, 1, 99_999, count - 1])
    t.is(readFileSync(Buffer.from(`${place}/d/${nameOf(i)}`, 'latin1'), 'utf8'), 'content');
  t.throws(() => lstatSync(join(place, 'd', 'missing')), { code: 'ENOENT' });
});

rootTest('an incomplete file is not an image: the superblock comes last', async (t) => {
  const bytes = tar([file('f', 'content')]);
  const path = join(tmpdir(t), 'image');
  writeFileSync(path, Buffer.concat([Buffer.alloc(tarAt), bytes]));
  const stop = new AbortController();
  const entries = function* () {
    yield* entriesOf(bytes);
    stop.abort();
  };
  await t.throwsAsync(build(path, entries(), {}, stop.signal), { code: 'ABORTED' });
  t.true(tryMountErofs(fromText(path), fromText(tmpdir(t))) < 0);
  t.deepEqual(readFileSync(path).subarray(0, tarAt), Buffer.alloc(tarAt));
});

rootTest('the kernel refuses a superblock whose checksum is wrong', async (t) => {
  const bytes = tar([file('f', 'content')]);
  const path = join(tmpdir(t), 'image');
  writeFileSync(path, Buffer.concat([Buffer.alloc(tarAt), bytes]));
  await build(path, entriesOf(bytes));
  const damaged = readFileSync(path);
  // the last byte of the range that the checksum covers
  damaged[superblockAt + 511] = 1;
  writeFileSync(path, damaged);
  t.true(tryMountErofs(fromText(path), fromText(tmpdir(t))) < 0);
});

rootTest('the same layer gives the same image', async (t) => {
  await using first = await images(t, [everything]);
  await using second = await images(t, [everything]);
  t.true(readFileSync(first.files[0]!).equals(readFileSync(second.files[0]!)));
});

/** erofs-utils 1.5 read blocks of 4096 bytes only: an image with such blocks, and all data of its tar aligned to them. */
rootTest('fsck.erofs and dump.erofs accept an image', async (t) => {
  if (!requires(t, 'fsck.erofs', 'dump.erofs')) return;
  const pageOf = (content: string) => Buffer.alloc(4096 - 512, content);
  const bytes = tar([
    // the data of the next file begins at byte 2048 of the tar: at 4096 of the image
    file('pad', Buffer.alloc(1024)),
    file('first', pageOf('1')),
    file('second', pageOf('2')),
    hardlink('hard', 'first'),
    ...everything.filter(({ content, type }) => !content?.length && type !== 'hardlink'),
  ]);
  const path = join(tmpdir(t), 'image');
  writeFileSync(path, Buffer.concat([Buffer.alloc(tarAt), bytes]));
  const entries = entriesOf(bytes).filter(({ path }) => path !== 'pad');
  await build(path, entries, { blockBits: 12 });
  t.notThrows(() => execFileSync('fsck.erofs', [path]));
  t.regex(execFileSync('dump.erofs', ['-s', path], { encoding: 'utf8' }), /magic number: +0xE0F5E1E2/);
  const place = mounted(t, path);
  t.true(readFileSync(join(place, 'second')).equals(pageOf('2')));
});

async function build(
  path: string,
  entries: Iterable<CheckedEntry>,
  more: Partial<ErofsImageOptions> = {},
  signal?: AbortSignal,
): Promise<void> {
  const map = { uidMappings: [], gidMappings: [], rootless: false };
  const given = { lower: null, keepDirlinks: false, digest: 'sha256:0', warn: () => {} };
  const image = new ErofsImage({ map, ...given, ...more });
  await image.add(listOf(entries), signal);
  await image.write(path, signal);
}

function mounted(t: ExecutionContext<unknown>, image: string): string {
  const place = tmpdir(t);
  mountErofs(fromText(image), fromText(place));
  t.teardown(() => unmount(fromText(place), { detach: true }));
  return place;
}

function readAt(path: string, at: number, length: number): string {
  const bytes = Buffer.alloc(length);
  return bytes.toString('latin1', 0, readSync(openSync(path, 'r'), bytes, 0, length, at));
}
