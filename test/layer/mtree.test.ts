import { execFileSync } from 'node:child_process';
import { linkSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { create, type Header, umociKeywords } from 'mtree-ts';
import { usageOf } from '../../src/store/context/usage.js';
import { readXattrs } from '../../src/system/xattr.js';
import type { RawLayer } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import type { RawEntry } from '../helpers/tar.js';
import { findGomtree } from '../mtree/fixture.js';
import { bench, dir, file, many, options } from './bench.js';

test.beforeEach((t) => {
  requires(t, 'root');
});

const varied: RawLayer[] = [
  [
    dir('.', { mode: 0o750, uid: 3, xattrs: { 'user.root': 'x' } }),
    dir('d', { mtime: 5 }),
    file('d/f', 'content'),
    file('d/empty'),
    { name: 'd/hard', type: 'hardlink', linkname: 'd/f' },
    { name: 'd/link', type: 'symlink', linkname: '../\xffx y#' },
    { name: 'd/fifo', type: 'fifo' },
    { name: 'd/null', type: 'char', devMajor: 1, devMinor: 3 },
    file('implicit/x\n\xff y', 'z'),
    file('suid', 'x', {
      mode: 0o4755,
      uid: 70000,
      gid: 5,
      xattrs: { 'user.b': Buffer.from([0, 255]), 'user.a': 'x' },
    }),
    file('big', 'ab'.repeat(700_000)),
    file('replaced', 'old'),
    dir('gone'),
    file('gone/x'),
    hugeless(),
  ],
  [
    file('replaced', 'new'),
    file('.wh.gone'),
    dir('d/new', { mode: 0o700 }),
    file('d/new/x'),
    { name: 'hl', type: 'hardlink', linkname: 'big' },
    { name: 'lib', type: 'symlink', linkname: 'd' },
    file('lib/through', 'link'),
    file('d/f', 'rewritten'),
  ],
  [file('d/.wh..wh..opq'), dir('d/again'), file('d/again/f')],
];

/** A small sparse file with data in its middle. */
function hugeless(): RawEntry {
  const pax = {
    'GNU.sparse.major': '1',
    'GNU.sparse.minor': '0',
    'GNU.sparse.name': 'sparse',
    'GNU.sparse.realsize': '300000',
  };
  return file('sparse', `2\n100000\n5\n300000\n0\n`.padEnd(512, '\0').concat('hello'), { pax });
}

test('the mtree of extracted layers equals the mtree of a fresh walk', async (t) => {
  const { unpacker, sources, target } = bench(t, varied);
  const root = target('root');
  const mtree = `${root}.mtree`;
  const header = { user: 'root', machine: 'm', tree: root, date: 'today' };
  for (const source of sources) {
    await unpacker.apply(source, root, options);
    await unpacker.writeMtree('t', root, mtree, header);
    t.deepEqual(readFileSync(mtree, 'latin1').split('\n'), freshWalk(root, header));
  }
});

test('the final mtree equals the mtree of a fresh walk, also for properties that the file system changes', async (t) => {
  const acl = Buffer.from('0200000001000700ffffffff04000500ffffffff20000500ffffffff', 'hex');
  const odd: RawLayer = [
    dir('setgid', { mode: 0o2755, gid: 7 }),
    file('setgid/f', 'x', { mode: 0o6755 }),
    dir('inherits', { xattrs: { 'system.posix_acl_default': acl } }),
    file('inherits/f', 'x', { mode: 0o666 }),
    file('old', 'x', { mtime: -5 }),
    file('late', 'x', { mtime: 2 ** 33 }),
    file('linked', 'x'),
    { name: 'setgid/link', type: 'hardlink', linkname: 'linked' },
    { name: 'before', type: 'hardlink', linkname: 'after' },
    file('after', 'x'),
    file('large', 'x'.repeat(70_000), { uid: 5 }),
  ];
  for (const [layer, linked] of [
    [varied[0]!, 'replaced'],
    [odd, 'linked'],
  ] as const) {
    const { unpacker, sources, target } = bench(t, [layer]);
    const root = target('root');
    const header = { user: 'root', machine: 'm', tree: root, date: 'today' };
    for (const untouched of [true, false]) {
      await unpacker.apply(sources[0]!, root, options);
      if (!untouched) {
        writeFileSync(join(root, 'more'), 'm');
        linkSync(join(root, linked), join(root, 'another name'));
      }
      const usage = await unpacker.writeFinalMtree('t', root, `${root}.mtree`, { header, untouched });
      t.deepEqual(readFileSync(`${root}.mtree`, 'latin1').split('\n'), freshWalk(root, header));
      t.deepEqual(usage, usageOf(root));
    }
  }
});

/** Returns the lines of an mtree for which every file was read. */
function freshWalk(root: string, header: Header): string[] {
  const chunks: Buffer[] = [];
  const xattrs = (path: Buffer) => readXattrs(path.toString('latin1'));
  create(root, (chunk) => chunks.push(chunk), { keywords: umociKeywords, header, xattrs });
  return Buffer.concat(chunks).toString('latin1').split('\n');
}

test('gomtree finds no difference from the mtree', async (t) => {
  const gomtree = findGomtree(t);
  if (!gomtree) return;
  const { unpacker, sources, target } = bench(t, varied);
  const root = target('root');
  for (const source of sources) await unpacker.apply(source, root, options);
  await unpacker.writeMtree('t', root, `${root}.mtree`, {});
  t.notThrows(() => execFileSync(gomtree, ['-p', root, '-f', `${root}.mtree`]));
  writeFileSync(join(root, 'replaced'), 'changed');
  t.throws(() => execFileSync(gomtree, ['-p', root, '-f', `${root}.mtree`], { stdio: 'pipe' }));
});

test('writing the final mtree returns the disk usage of the directory', async (t) => {
  const links = [file('a', 'x'.repeat(9000)), { name: 'd/b', type: 'hardlink' as const, linkname: 'a' }];
  const { unpacker, sources, target } = bench(t, [[...links, ...many(30, 5000)]]);
  const root = target('root');
  await unpacker.apply(sources[0]!, root, options);
  writeFileSync(join(root, 'more'), 'm'.repeat(5000));
  const usage = await unpacker.writeFinalMtree('t', root, `${root}.mtree`, {
    header: {},
    untouched: false,
  });
  t.deepEqual(usage, usageOf(root));
  t.true(usage.inodes === 1 + 1 + 1 + 30 + 1 && usage.size > 150_000, JSON.stringify(usage));
});

test('a tree that changed since the extraction is an error, and no mtree is written', async (t) => {
  const { unpacker, sources, target } = bench(t, [many(3, 3)]);
  const root = target('root');
  await unpacker.apply(sources[0]!, root, options);
  truncateSync(join(root, 'f0'), 0);
  execFileSync('rm', [join(root, 'f1')]);
  const file = `${root}.mtree`;
  await t.throwsAsync(unpacker.writeMtree('t', root, file, {}), { code: 'SYSTEM', message: /f1/ });
  t.false(readdirSync(join(root, '..')).includes('root.mtree'));
});
