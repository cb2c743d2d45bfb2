import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { compareWithBase } from '../../../drivers/btrfs/delta.js';
import { baseOf } from '../../../drivers/btrfs/lineage.js';
import {
  createSubvolume,
  flushFilesystem,
  setReadOnly,
  snapshotSubvolume,
  subvolumeInfo,
} from '../../../drivers/btrfs/subvolume.js';
import { changedInodes } from '../../../drivers/btrfs/tree-search.js';
import { fromText } from '../../../src/system/bytes.js';
import { removeXattr, setXattr } from '../../../src/system/xattr.js';
import fc from '../../helpers/properties.js';
import { requires } from '../../helpers/requires.js';
import { keepTimes } from '../../helpers/times.js';
import { treeOf } from '../../helpers/tree.js';
import { apply, edit, settle } from '../../layer/generate/edits.js';
import { editWithoutChange, writeQuietFiles } from '../quiet-edits.js';
import { btrfs } from './loop.js';
import { changesBetween, lines, makePair, type Pair } from './pair.js';

/** What both ways find, which must be what there is. */
async function assertDelta(t: ExecutionContext<unknown>, pair: Pair, expected: string[]): Promise<void> {
  t.deepEqual(lines(await pair.delta()), expected.toSorted());
  t.deepEqual(lines(pair.deltaByStat()), expected.toSorted(), 'by stat');
}

function pairOn(t: ExecutionContext<unknown>, fill: (at: (name: string) => string) => void): Pair | null {
  const mountpoint = btrfs(t);
  if (mountpoint === null || !requires(t, 'setpriv')) return null;
  return makePair(mountpoint, (root) => fill((name) => join(root, name)));
}

test('each kind of change is found, and nothing else', async (t) => {
  const names = [
    'content',
    'mode',
    'owner',
    'gone',
    'time',
    'to-link',
    'to-dir',
    'xattr',
    'no-xattr',
    'same',
  ];
  const pair = pairOn(t, (at) => {
    for (const name of names) {
      writeFileSync(at(name), name);
      utimesSync(at(name), 1, 1);
    }
    setXattr(fromText(at('no-xattr')), 'user.x', Buffer.from('1'));
    mkdirSync(at('to-file/below'), { recursive: true });
    mkdirSync(at('dir/deep/er'), { recursive: true });
    symlinkSync('old', at('link'));
    execFileSync('mknod', [at('device'), 'c', '1', '3']);
    utimesSync(at('device'), 1, 1);
  });
  if (!pair) return;
  const { at, rootfs } = pair;
  await assertDelta(t, pair, []);
  keepTimes(rootfs, () => {
    keepTimes(at('content'), () => writeFileSync(at('content'), 'CONTENT'));
    chmodSync(at('mode'), 0o600);
    chownSync(at('owner'), 1, 2);
    rmSync(at('gone'));
    utimesSync(at('time'), 1, 2);
    setXattr(fromText(at('xattr')), 'user.x', Buffer.from('1'));
    removeXattr(fromText(at('no-xattr')), 'user.x');
    setXattr(fromText(at('dir/deep')), 'user.x', Buffer.from('1'));
    rmSync(at('to-link'));
    symlinkSync('x', at('to-link'));
    rmSync(at('to-dir'));
    mkdirSync(at('to-dir/below'), { recursive: true });
    rmSync(at('to-file'), { recursive: true });
    writeFileSync(at('to-file'), '');
    const { mtime } = lstatSync(at('link'));
    rmSync(at('link'));
    symlinkSync('new', at('link'));
    execFileSync('touch', ['-h', '-d', mtime.toISOString(), at('link')]);
    rmSync(at('device'));
    execFileSync('mknod', [at('device'), 'c', '1', '5']);
    utimesSync(at('device'), 1, 1);
  });
  const modified = ['content', 'device', 'dir/deep', 'link', 'mode', 'no-xattr', 'owner', 'time'];
  await assertDelta(t, pair, [
    ...['add to-dir/below', 'delete gone'],
    ...[...modified, 'to-dir', 'to-file', 'to-link', 'xattr'].map((name) => `modify ${name}`),
  ]);
});

test('renamed directories are removed and added with all below them', async (t) => {
  const pair = pairOn(t, (at) => {
    mkdirSync(at('a/b/c'), { recursive: true });
    writeFileSync(at('a/b/c/file'), 'x');
    writeFileSync(at('a/b/other'), 'x');
  });
  if (!pair) return;
  const { at, rootfs } = pair;
  keepTimes(rootfs, () => renameSync(at('a'), at('z')));
  writeFileSync(at('z/b/c/file'), 'changed after the move');
  await assertDelta(t, pair, [
    'delete a',
    ...['', '/b', '/b/c', '/b/c/file', '/b/other'].map((x) => `add z${x}`),
  ]);
});

test('directories that changed places are compared file by file', async (t) => {
  const pair = pairOn(t, (at) => {
    for (const name of ['a', 'b']) {
      mkdirSync(at(`${name}/sub`), { recursive: true });
      for (const file of ['same', `only-${name}`, 'sub/differs']) {
        writeFileSync(at(`${name}/${file}`), file === 'sub/differs' ? name : '');
        utimesSync(at(`${name}/${file}`), 1, 1);
      }
      for (const directory of [`${name}/sub`, name, '.']) utimesSync(at(directory), 1, 1);
    }
  });
  if (!pair) return;
  const { at, rootfs } = pair;
  keepTimes(rootfs, () => {
    renameSync(at('a'), at('c'));
    renameSync(at('b'), at('a'));
    renameSync(at('c'), at('b'));
  });
  await assertDelta(t, pair, [
    ...['add a/only-b', 'add b/only-a', 'delete a/only-a', 'delete b/only-b'],
    ...['modify a/sub/differs', 'modify b/sub/differs'],
  ]);
});

test('an added, removed or moved hardlink changes all names of the file', async (t) => {
  const pair = pairOn(t, (at) => {
    for (const [first, second] of ['ab', 'cd', 'ef', 'gh']) {
      writeFileSync(at(first!), 'same');
      utimesSync(at(first!), 1, 1);
      linkSync(at(first!), at(second!));
    }
    mkdirSync(at('dir'));
  });
  if (!pair) return;
  const { at, rootfs } = pair;
  keepTimes(rootfs, () => {
    renameSync(at('b'), at('x'));
    renameSync(at('d'), at('b'));
    renameSync(at('x'), at('d'));
    keepTimes(at('dir'), () => linkSync(at('e'), at('dir/third')));
    rmSync(at('h'));
  });
  const modified = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `modify ${name}`);
  await assertDelta(t, pair, ['add dir/third', 'delete h', ...modified]);
});

test('a file with more names in one directory than fit into one item', async (t) => {
  const names = Array.from({ length: 300 }, (_, i) => `${'long-name-'.repeat(20)}${i}`);
  const pair = pairOn(t, (at) => {
    writeFileSync(at('first'), '');
    for (const name of names) linkSync(at('first'), at(name));
  });
  if (!pair) return;
  chmodSync(pair.at('first'), 0o600);
  await assertDelta(
    t,
    pair,
    ['first', ...names].map((name) => `modify ${name}`),
  );
});

test('a file that was only read, touched back or written the same is unchanged', async (t) => {
  const pair = pairOn(t, (at) => {
    writeQuietFiles(at);
    writeFileSync(at('read'), 'read');
  });
  if (!pair) return;
  const { at, rootfs } = pair;
  keepTimes(rootfs, () => {
    readFileSync(at('read'));
    editWithoutChange(at);
  });
  await assertDelta(t, pair, []);
});

test('subvolumes that were made in the rootfs are directories of it', async (t) => {
  const pair = pairOn(t, (at) => mkdirSync(at('var')));
  if (!pair) return;
  const { at } = pair;
  keepTimes(at('var'), () => createSubvolume(at('var/nested')));
  writeFileSync(at('var/nested/file'), '');
  mkdirSync(at('var/nested/dir'));
  await assertDelta(t, pair, ['add var/nested', 'add var/nested/dir', 'add var/nested/file']);
});

test('a rootfs is compared with a layer that was made after it on top of the same', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const { lower, rootfs, at } = makePair(mountpoint, (root) => {
    for (const name of ['a', 'b', 'c', 'd', 'gone']) writeFileSync(join(root, name), name);
    for (const name of ['a', 'b', 'c', 'd', 'gone', '.']) utimesSync(join(root, name), 1, 1);
  });
  const upper = `${lower}-2`;
  snapshotSubvolume(lower, upper);
  // the same change in both, one in the rootfs alone, one in the layer alone
  for (const root of [rootfs, upper]) {
    writeFileSync(join(root, 'a'), 'changed');
    rmSync(join(root, 'gone'));
    for (const name of ['a', '.']) utimesSync(join(root, name), 1, 2);
  }
  keepTimes(at('b'), () => writeFileSync(at('b'), 'x'));
  keepTimes(join(upper, 'c'), () => writeFileSync(join(upper, 'c'), 'y'));
  setReadOnly(upper, true);
  const base = baseOf(rootfs, [lower, upper])!;
  const flush = () => flushFilesystem(mountpoint);
  t.deepEqual(lines(await compareWithBase(rootfs, base, flush)), ['modify b', 'modify c']);
  t.is(baseOf(rootfs, [upper]), undefined, 'the layer that both come from is not there');
  t.is(baseOf(mountpoint, [lower]), undefined, 'no snapshot');
});

test('few changes among many files are found among the inodes that btrfs names', async (t) => {
  const pair = pairOn(t, (at) => {
    for (let d = 0; d < 40; d++) {
      mkdirSync(at(`d${d}`));
      for (let f = 0; f < 50; f++) writeFileSync(at(`d${d}/f${f}`), `${d} ${f}`);
    }
  });
  if (!pair) return;
  const { at, rootfs } = pair;
  writeFileSync(at('d7/f7'), 'changed');
  keepTimes(at('d8'), () => rmSync(at('d8/f8')));
  const touched = ['d7/f7', 'd8'].map((name) => statSync(at(name)).ino);
  // before anything is read, which notes the time of access in inodes
  execFileSync('sync', ['--file-system', rootfs]);
  const fd = openSync(rootfs, 'r');
  t.deepEqual([...changedInodes(fd, subvolumeInfo(rootfs)!.generation)].sort(), touched.sort());
  closeSync(fd);
  await assertDelta(t, pair, ['delete d8/f8', 'modify d7/f7']);
});

test('content is compared in steps', async (t) => {
  const pair = pairOn(t, (at) => {
    writeFileSync(at('big'), '');
    truncateSync(at('big'), 60 * 2 ** 30);
    utimesSync(at('big'), 1, 1);
  });
  if (!pair) return;
  // the same content, written again
  const fd = openSync(pair.at('big'), 'r+');
  writeSync(fd, Buffer.alloc(1), 0, 1, 0);
  closeSync(fd);
  utimesSync(pair.at('big'), 1, 1);
  const stop = new AbortController();
  const comparing = pair.delta(stop.signal);
  await setTimeout(100);
  stop.abort();
  await t.throwsAsync(comparing, { code: 'ABORTED' });
});

test('any tree, any edits: the delta lists exactly the differences', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint || !requires(t, 'setpriv', 'python3')) return;
  const edits = fc.array(edit, { minLength: 10, maxLength: 40, size: 'max' });
  const property = fc.asyncProperty(edits, edits, async (before, after) => {
    const pair = makePair(mountpoint, (root) => {
      apply(root, before);
      settle(root);
    });
    apply(pair.rootfs, after);
    const expected = changesBetween(treeOf(pair.lower), treeOf(pair.rootfs));
    t.deepEqual(lines(await pair.delta()), expected);
    t.deepEqual(lines(pair.deltaByStat()), expected, 'by stat');
  });
  await fc.assert(property, { numRuns: 12 });
});
