import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { create, umociKeywords } from 'mtree-ts';
import { hostID, rootlessOwner } from '../../../src/layer/apply/owners.js';
import { readXattrs } from '../../../src/system/xattr.js';
import { requires } from '../../helpers/requires.js';
import { type RawEntry, tar } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { type Tree, treeOf } from '../../helpers/tree.js';
import { apply, dir, file, hardlink, symlink } from './harness.js';

const range = (containerID: number, host: number, size: number) => ({ containerID, hostID: host, size });

test.beforeEach((t) => {
  requires(t, 'root');
});

test('ids are mapped by the range they are in', (t) => {
  const ranges = [range(0, 100000, 10), range(10, 5, 1), range(1000, 200000, 5)];
  const ids = [0, 9, 10, 1000, 1004];
  t.deepEqual(
    ids.map((id) => hostID(id, ranges, 'uid', 'x')),
    [100000, 100009, 5, 200000, 200004],
  );
  for (const id of [11, 999, 1005]) t.throws(() => hostID(id, ranges, 'uid', 'x'), { code: 'ID_UNMAPPED' });
  t.throws(() => hostID(5, [range(0, 4294967290, 10)], 'uid', 'x'), { code: 'ID_UNMAPPED' });
});

test('all that is made has mapped owners, parents without an entry too', (t) => {
  const map = { uidMappings: [range(0, 1000, 100)], gidMappings: [range(0, 2000, 100)], rootless: false };
  const { tree } = apply(
    t,
    [
      [
        dir('.', { uid: 1 }),
        file('implicit/f', '', { uid: 5, gid: 6 }),
        symlink('l', 'x'),
        { name: 'p', type: 'fifo', uid: 99 },
        { name: 'c', type: 'char', devMajor: 1, devMinor: 3, gid: 99 },
      ],
    ],
    { map },
  );
  const owners = Object.fromEntries([...tree].map(([path, { owner }]) => [path, owner]));
  t.deepEqual(owners, {
    '.': '1001:2000',
    c: '1000:2099',
    implicit: '1000:2000',
    'implicit/f': '1005:2006',
    l: '1000:2000',
    p: '1099:2000',
  });
});

test('an owner outside of the map is an error that names file and id', (t) => {
  const map = { uidMappings: [range(0, 1000, 10)], gidMappings: [range(0, 2000, 10)], rootless: false };
  t.throws(() => apply(t, [[file('d/f', '', { uid: 10 })]], { map }), {
    code: 'ID_UNMAPPED',
    message: /d\/f: uid 10/,
  });
  t.throws(() => apply(t, [[symlink('l', 'x'), { ...symlink('m', 'x'), gid: 77 }]], { map }), {
    code: 'ID_UNMAPPED',
    message: /m: gid 77/,
  });
});

test('the attribute that keeps an owner is what umoci writes', (t) => {
  t.is(rootlessOwner(0, 0), undefined);
  t.is(rootlessOwner(1, 0)?.toString('hex'), '080110ffffffff0f');
  t.is(rootlessOwner(0, 300)?.toString('hex'), '08ffffffff0f10ac02');
  t.is(rootlessOwner(70000, 4294967294)?.toString('hex'), '08f0a20410feffffff0f');
});

const closed: RawEntry[] = [
  dir('.', { mode: 0o555 }),
  dir('none', { mode: 0, mtime: 5 }),
  file('none/f', 'x', { mode: 0, uid: 5 }),
  dir('none/sub', { mode: 0o111 }),
  file('none/sub/g'),
  dir('ro', { mode: 0o555, mtime: 6, uid: 7, gid: 8 }),
  file('ro/a', 'x'),
  hardlink('ro/b', 'ro/a'),
  symlink('ro/l', 'a'),
  { name: 'ro/p', type: 'fifo' },
  { name: 'ro/c', type: 'char', devMajor: 1, devMinor: 3, mode: 0o620 },
];
const onClosed: RawEntry[] = [
  file('none/sub/.wh.g'),
  file('none/new', 'y'),
  file('ro/.wh.a'),
  file('ro/a2', 'z'),
  dir('ro/d', { mode: 0o500, mtime: 7 }),
  file('ro/d/e'),
];

/** Applies layers in a process of an unprivileged user. */
function applyAs(t: ExecutionContext<unknown>, uid: number, layers: RawEntry[][], rootless: boolean) {
  const base = tmpdir(t);
  chmodSync(base, 0o755);
  const root = join(base, 'root');
  mkdirSync(root);
  mkdirSync(join(base, 'own'));
  for (const path of [root, join(base, 'own')]) chownSync(path, uid, uid);
  const files = layers.map((layer, i) => {
    writeFileSync(join(base, `${i}.tar`), tar(layer));
    return join(base, `${i}.tar`);
  });
  const modules = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href);
  const script = `
    import { readFileSync } from 'node:fs';
    import { applyLayer } from ${modules('layer/apply/applier.js')};
    import { writeTreeManifest } from ${modules('layer/apply/manifest.js')};
    import { Tree } from ${modules('layer/apply/tree.js')};
    import { TarReader } from ${modules('tar/index.js')};
    const tree = new Tree();
    for (const file of ${JSON.stringify(files)}) {
      const pieces = [readFileSync(file)];
      applyLayer(new TarReader({ read: () => pieces.shift() ?? null }), ${JSON.stringify(root)}, tree, {
        digest: 'sha256:0', digests: true, warn: (message) => console.log(message), whiteouts: null,
        map: { uidMappings: [], gidMappings: [], rootless: ${rootless} }, keepDirlinks: false, overlayXattr: 'user',
      });
    }
    const request = ${JSON.stringify({ target: root, file: join(base, 'own/manifest'), header: {}, changed: false })};
    writeTreeManifest(request, tree);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    uid,
    gid: uid,
    cwd: '/',
    encoding: 'utf8',
  });
  return { root, manifest: join(base, 'own/manifest'), tree: treeOf(root), stdout, stderr };
}

test('rootless: directories without access for their owner are written to, and keep their modes and times', (t) => {
  const { tree, stderr } = applyAs(t, 65534, [closed, onClosed], true);
  t.is(stderr, '');
  const modes = ['.', 'none', 'none/f', 'none/sub', 'none/new', 'ro', 'ro/d', 'ro/d/e'].map(
    (path) => tree.get(path)?.mode,
  );
  t.deepEqual(modes, ['0555', '0000', '0000', '0111', '0644', '0555', '0500', '0644']);
  t.deepEqual(
    ['none', 'ro', 'ro/d'].map((path) => tree.get(path)?.mtime),
    ['5.000000000', '6.000000000', '7.000000000'],
  );
  t.false(tree.has('ro/a') || tree.has('none/sub/g'));
  t.is(tree.get('ro/b')?.type, 'file');
});

test('rootless: the manifest has what its owner cannot read, and modes stay', (t) => {
  const { root, manifest, tree, stderr } = applyAs(t, 65534, [closed, onClosed], true);
  t.is(stderr, '');
  const chunks: Buffer[] = [];
  const xattrs = (path: Buffer) => readXattrs(path.toString('latin1'));
  create(root, (chunk) => chunks.push(chunk), { keywords: umociKeywords, header: {}, xattrs });
  t.is(readFileSync(manifest, 'latin1'), Buffer.concat(chunks).toString('latin1'));
  t.deepEqual(
    ['none', 'none/f', 'none/sub'].map((path) => tree.get(path)?.mode),
    ['0000', '0000', '0111'],
  );
});

test('rootless: owners are kept in an attribute, devices are empty files, with one warning', (t) => {
  const devices = [...closed, { name: 'b', type: 'block', devMajor: 8, devMinor: 0 }];
  const { tree, stdout } = applyAs(t, 65534, [devices], true);
  t.true([...tree.values()].every(({ owner }) => owner === '65534:65534'));
  t.deepEqual(ownerAttributes(tree), { 'none/f': '080510ffffffff0f', ro: '08071008' });
  t.like(tree.get('ro/c'), { type: 'file', size: 0, mode: '0620' });
  t.is(stdout.trim().split('\n').length, 1);
});

test('without privileges and not rootless, an owner that cannot be set is an error', (t) => {
  const { stderr } = applyAs(t, 65534, [[file('f', '', { uid: 5 })]], false);
  t.regex(stderr, /SYSTEM/);
  t.regex(stderr, /rootless/);
});

test('rootless as root: owners are not set, nor those of the layer taken for ours', (t) => {
  const xattrs = { 'user.rootlesscontainers': 'x' };
  const map = { uidMappings: [], gidMappings: [], rootless: true };
  const { tree, warnings } = apply(t, [[file('f', '', { uid: 5, gid: 6 }), file('g', '', { xattrs })]], {
    map,
  });
  t.like(tree.get('f'), { owner: '0:0' });
  t.deepEqual(ownerAttributes(tree), { f: '08051006' });
  t.is(warnings.length, 1);
});

function ownerAttributes(tree: Tree): Record<string, string | undefined> {
  const attributes = [...tree].map(
    ([path, { xattrs }]) => [path, xattrs?.['user.rootlesscontainers']] as const,
  );
  return Object.fromEntries(attributes.filter(([, value]) => value !== undefined));
}
