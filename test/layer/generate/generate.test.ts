import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type GenerateOptions, generateLayer } from '../../../src/layer/generate/generate.js';
import type { PackedFile } from '../../../src/layer/generate/pack.js';
import type { Change } from '../../../src/layer/types.js';
import { fromText, toBuffer } from '../../../src/system/bytes.js';
import { getXattr, setXattr } from '../../../src/system/xattr.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { entriesOf, show } from './entries.js';

const map = { uidMappings: [], gidMappings: [], rootless: false };

async function tarOf(
  rootfs: string,
  rows: string[],
  options: Partial<GenerateOptions> = {},
): Promise<Buffer> {
  const changes = rows.map((row) => {
    const [kind, path] = row.split(/ (.*)/s) as [Change['kind'], string];
    return { kind, path };
  });
  const chunks: Buffer[] = [];
  for await (const chunk of generateLayer({ rootfs, changes, map, ...options })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function rootfsOf(
  t: ExecutionContext<unknown>,
  files: string[],
): { root: string; at: (name: string) => string } {
  const root = tmpdir(t);
  for (const file of files) {
    const path = join(root, file);
    if (file.endsWith('/')) mkdirSync(path, { recursive: true });
    else {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, file);
    }
  }
  return { root, at: (name) => join(root, name) };
}

test('whiteouts come first, then sorted entries with their parents', async (t) => {
  const { root } = rootfsOf(t, ['b/file', 'a/b/c', 'z']);
  const tar = await tarOf(root, ['add z', 'delete b/x', 'modify a/b/c', 'delete gone', 'modify .']);
  t.deepEqual(show(tar), [
    ...['file .wh.gone', 'file b/.wh.x'],
    ...['directory ./', 'directory a/', 'directory a/b/', 'file a/b/c', 'directory b/', 'file z'],
  ]);
  t.is(entriesOf(tar).find(({ name }) => name === 'a/b/c')!.content, 'a/b/c');
});

test('whiteouts are empty files of root with no rights', async (t) => {
  const [entry] = entriesOf(await tarOf(tmpdir(t), ['delete x']));
  const { mode, uid, gid, size, mtime } = entry!;
  t.deepEqual([mode, uid, gid, size, mtime], [0, 0, 0, 0, { sec: 0, nsec: 0 }]);
});

test('an empty delta is a tar of nothing', async (t) => {
  const tar = await tarOf(tmpdir(t), []);
  t.deepEqual(tar, Buffer.alloc(1024));
});

rootTest('modes, owners, times and types are kept', async (t) => {
  const { root, at } = rootfsOf(t, ['none', 'suid', 'sticky/']);
  chmodSync(at('none'), 0);
  chownSync(at('suid'), 3_000_000_000, 70_000);
  chmodSync(at('suid'), 0o6755);
  chmodSync(at('sticky'), 0o1777);
  symlinkSync('/etc/passwd', at('link'));
  execFileSync('mknod', [at('null'), 'c', '1', '3']);
  execFileSync('mkfifo', [at('fifo')]);
  utimesSync(at('none'), 5, 1_234.999);
  execFileSync('touch', ['-h', '-d', '@-1.5', at('link')]);
  const entries = entriesOf(
    await tarOf(
      root,
      ['none', 'suid', 'sticky', 'link', 'null', 'fifo'].map((n) => `add ${n}`),
    ),
  );
  const find = (name: string) => entries.find((entry) => entry.name.replace(/\/$/, '') === name)!;
  t.is(find('none').mode, 0);
  t.deepEqual(find('none').mtime, { sec: 1234, nsec: 0 });
  t.deepEqual([find('suid').mode, find('suid').uid, find('suid').gid], [0o6755, 3_000_000_000, 70_000]);
  t.is(find('sticky').mode, 0o1777);
  t.deepEqual([find('link').linkname, find('link').mtime.sec], ['/etc/passwd', -2]);
  t.deepEqual([find('null').type, find('null').devMajor, find('null').devMinor], ['char', 1, 3]);
  t.is(find('fifo').type, 'fifo');
});

test('fractions of times are kept if asked for', async (t) => {
  const { root, at } = rootfsOf(t, ['f']);
  utimesSync(at('f'), 5, 1234.5);
  t.deepEqual(entriesOf(await tarOf(root, ['add f'], { subsecond: true }))[0]!.mtime, {
    sec: 1234,
    nsec: 500_000_000,
  });
});

test('times after SOURCE_DATE_EPOCH become it, earlier ones stay', async (t) => {
  const { root, at } = rootfsOf(t, ['new', 'old']);
  utimesSync(at('old'), 5, 99.5);
  utimesSync(at('new'), 5, 100.5);
  const tar = await tarOf(root, ['add new', 'add old'], { sourceDateEpoch: 100, subsecond: true });
  t.deepEqual(
    entriesOf(tar).map(({ mtime }) => mtime),
    [
      { sec: 100, nsec: 0 },
      { sec: 99, nsec: 500_000_000 },
    ],
  );
});

test('all names of a changed hardlink are written, as links to the first of them', async (t) => {
  const { root, at } = rootfsOf(t, ['m', 'other/']);
  linkSync(at('m'), at('a'));
  linkSync(at('m'), at('other/z'));
  t.deepEqual(show(await tarOf(root, ['modify m'])), [
    ...['file a', 'hardlink m -> a', 'directory other/', 'hardlink other/z -> a'],
  ]);
  t.deepEqual(show(await tarOf(root, ['modify m'], { mayAdd: (path) => path !== 'a' })), [
    ...['file m', 'directory other/', 'hardlink other/z -> m'],
  ]);
});

test('a delta names the file of its hard links, but stat must agree', async (t) => {
  const { root, at } = rootfsOf(t, ['a', 'b', 'c', 'd', 'e', 'f']);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) linkSync(at(name), at(`${name}2`));
  const changes = ['a', 'b', 'c'].map((path) => ({ path, kind: 'modify' as const, inode: 'x' }));
  const others = ['d', 'e', 'f'].map((path) => ({ path, kind: 'modify' as const, inode: path }));
  t.deepEqual(show(await tarOf(root, [], { changes: [...changes, ...others] })), [
    ...['file a', 'hardlink a2 -> a', 'file b', 'hardlink b2 -> b', 'file c', 'hardlink c2 -> c'],
    ...['file d', 'hardlink d2 -> d', 'file e', 'hardlink e2 -> e', 'file f', 'hardlink f2 -> f'],
  ]);
});

test('symlinks with several names stay linked', async (t) => {
  const { root, at } = rootfsOf(t, []);
  symlinkSync('x', at('a'));
  linkSync(at('a'), at('b'));
  t.deepEqual(show(await tarOf(root, ['add a', 'add b'])), ['symlink a -> x', 'hardlink b -> a']);
});

rootTest('attributes are kept as bytes, those of the host left out', async (t) => {
  const { root, at } = rootfsOf(t, ['f']);
  const value = Buffer.from([0, 0xff, 0x0a]);
  setXattr(fromText(at('f')), 'user.\u00e9', value);
  setXattr(fromText(at('f')), 'security.selinux', Buffer.from('label'));
  setXattr(fromText(at('f')), 'trusted.empty', Buffer.alloc(0));
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) };
  const [entry] = entriesOf(await tarOf(root, ['add f'], { log }));
  t.deepEqual([...entry!.xattrs], [['user.\u00e9', value]]);
  t.deepEqual(warnings, ['left out an extended attribute: it is empty, and PAX readers drop empty values']);
});

rootTest('file capabilities that name a namespace become those of its root', async (t) => {
  const { root, at } = rootfsOf(t, ['f']);
  const v3 = Buffer.alloc(24);
  v3.writeUInt32LE(0x03000001, 0);
  v3.writeUInt32LE(1 << 10, 4);
  v3.writeUInt32LE(100_000, 20);
  setXattr(fromText(at('f')), 'security.capability', v3);
  t.is(getXattr(fromText(at('f')), 'security.capability')!.length, 24);
  const [entry] = entriesOf(await tarOf(root, ['add f']));
  const v2 = Buffer.from(v3.subarray(0, 20));
  v2.writeUInt32LE(0x02000001, 0);
  t.deepEqual(entry!.xattrs.get('security.capability'), v2);
});

rootTest('owners are mapped back; one outside the map is an error', async (t) => {
  const { root, at } = rootfsOf(t, ['f']);
  chownSync(at('f'), 100_007, 200_001);
  const mapped = {
    uidMappings: [{ containerID: 0, hostID: 100_000, size: 10 }],
    gidMappings: [{ containerID: 50, hostID: 200_000, size: 2 }],
    rootless: false,
  };
  const [entry] = entriesOf(await tarOf(root, ['add f'], { map: mapped }));
  t.deepEqual([entry!.uid, entry!.gid], [7, 51]);
  chownSync(at('f'), 100_010, 200_001);
  const error = await t.throwsAsync(tarOf(root, ['add f'], { map: mapped }), { code: 'ID_UNMAPPED' });
  t.regex(error!.message, /f: uid 100010/);
});

test('without privileges everything is root\u2019s, or whose user.rootlesscontainers says', async (t) => {
  const { root, at } = rootfsOf(t, ['mine', 'theirs']);
  // field 1, varint 1000; field 2, varint 2^32-1: unchanged
  setXattr(fromText(at('theirs')), 'user.rootlesscontainers', Buffer.from('08e80710ffffffff0f', 'hex'));
  const rootless = { uidMappings: [], gidMappings: [], rootless: true };
  const entries = entriesOf(await tarOf(root, ['add mine', 'add theirs'], { map: rootless }));
  t.deepEqual(
    entries.map(({ uid, gid, xattrs }) => [uid, gid, xattrs.size]),
    [
      [0, 0, 0],
      [1000, 0, 0],
    ],
  );
});

test('a socket is left out with a warning', async (t) => {
  const { root, at } = rootfsOf(t, ['f']);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
  t.teardown(() => server.close());
  const fields: unknown[] = [];
  const log = {
    debug() {},
    info() {},
    error() {},
    warn: (_: string, more?: object) => void fields.push(more),
  };
  t.deepEqual(show(await tarOf(root, ['add socket', 'add f'], { log })), ['file f']);
  t.deepEqual(fields, [{ path: 'socket' }]);
});

test('a file named like a whiteout is refused', async (t) => {
  const { root } = rootfsOf(t, ['.wh.sbin']);
  await t.throwsAsync(tarOf(root, ['add .wh.sbin']), { code: 'LAYER_PATH', message: /\.wh\.sbin/ });
});

test('a file that changes while it is read fails, whether it grows, shrinks or is touched', async (t) => {
  for (const change of [
    (path: string) => appendFileSync(path, 'more'),
    (path: string) => truncateSync(path, 3),
    (path: string) => writeFileSync(path, Buffer.alloc(1 << 20, 1), { flag: 'r+' }),
  ]) {
    const { root, at } = rootfsOf(t, []);
    writeFileSync(at('f'), Buffer.alloc(1 << 20));
    let changed = false;
    await t.throwsAsync(
      async () => {
        for await (const chunk of generateLayer({
          rootfs: root,
          changes: [{ path: 'f', kind: 'add' }],
          map,
        })) {
          if (changed || chunk.length <= 512) continue;
          changed = true;
          change(at('f'));
        }
      },
      { code: 'FILE_CHANGED' },
    );
  }
});

test('nothing is read through a symlink in the rootfs', async (t) => {
  const { root, at } = rootfsOf(t, []);
  const outside = tmpdir(t);
  writeFileSync(join(outside, 'secret'), 'secret');
  symlinkSync(outside, at('dir'));
  await t.throwsAsync(tarOf(root, ['add dir/secret']), {
    code: 'LAYER_PATH',
    message: /dir above it is a symlink/,
  });
  t.deepEqual(show(await tarOf(root, ['delete dir/secret'])), [`symlink dir -> ${outside}`]);
});

test('a directory that is swapped for a symlink while the layer is written does not lead outside', async (t) => {
  const { root, at } = rootfsOf(t, ['a', 'dir/secret']);
  const outside = tmpdir(t);
  writeFileSync(join(outside, 'secret'), 'outside');
  writeFileSync(at('a'), Buffer.alloc(1 << 22));
  const changes = ['a', 'dir/secret'].map((path) => ({ path, kind: 'add' as const }));
  let text = '';
  await t.throwsAsync(
    async () => {
      let swapped = false;
      for await (const chunk of generateLayer({ rootfs: root, changes, map })) {
        text += chunk.toString('latin1');
        if (swapped) continue;
        swapped = true;
        rmSync(at('dir'), { recursive: true });
        symlinkSync(outside, at('dir'));
      }
    },
    { code: 'FILE_CHANGED' },
  );
  t.false(text.includes('outside'));
});

test('the same tree gives the same bytes, in any order of its making and of the delta', async (t) => {
  const names = ['b', 'a\n', 'c/d', 'c/\u00e9'];
  const make = (order: string[]) => {
    const { root, at } = rootfsOf(t, order);
    for (const name of [...names, 'c']) utimesSync(at(name), 1, 1);
    return root;
  };
  const rows = names.map((name) => `add ${fromText(name)}`);
  const first = await tarOf(make(names), rows);
  const second = await tarOf(make([...names].reverse()), [...rows].reverse());
  t.true(first.equals(second));
});

test('names may be any bytes', async (t) => {
  const root = tmpdir(t);
  const names = ['new\nline', 'not utf-8 \u00ff', 'n'.repeat(255), ' '];
  for (const name of names) writeFileSync(toBuffer(`${fromText(root)}/${name}`), '');
  const tar = await tarOf(
    root,
    names.map((name) => `add ${name}`),
  );
  t.deepEqual(
    entriesOf(tar).map(({ name }) => name),
    [...names].sort(),
  );
});

test('onPacked gets each packed file, with its digest, also for further names', async (t) => {
  const { root, at } = rootfsOf(t, ['a', 'd/x']);
  linkSync(at('a'), at('b'));
  symlinkSync('t', at('l'));
  const packed: unknown[] = [];
  const onPacked = ({ path, sha256, link, stat }: PackedFile) =>
    packed.push([path, sha256?.slice(0, 4), link, stat.nlink]);
  await tarOf(root, ['modify a', 'modify b', 'modify d/x', 'add l'], { onPacked });
  t.deepEqual(packed, [
    ['a', 'ca97', undefined, 2],
    ['b', 'ca97', undefined, 2],
    ['d', undefined, undefined, 2],
    ['d/x', '2bb5', undefined, 1],
    ['l', undefined, 't', 1],
  ]);
});

test('generation stops when aborted, and when the reader stops', async (t) => {
  const { root } = rootfsOf(t, ['a', 'b']);
  await t.throwsAsync(tarOf(root, ['add a'], { signal: AbortSignal.abort() }), { code: 'ABORTED' });
  for await (const _ of generateLayer({ rootfs: root, changes: [{ path: 'a', kind: 'add' }], map })) break;
  t.pass();
});
