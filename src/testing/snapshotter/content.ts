import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CaseWords, expect, expectTree } from '../case.js';
import { Edits } from '../edits.js';
import { readTree } from '../tree.js';
import { type Edit, expectEqual, type SnapshotBench, snapshotterCase } from './bench.js';
import type { SnapshotterCase } from './harness.js';

const source = "containerd's snapshotter test suite, core/snapshots/testsuite";

interface ContentCase extends CaseWords {
  /** the edits in each snapshot, on top of the previous one */
  edits: Edit[];
  /** true if times are compared: every edit must set them */
  times?: boolean;
}

const cases: ContentCase[] = [
  {
    name: 'files added, changed and removed in three snapshots',
    rule: 'each starts with the files of its parent, and keeps its own changes',
    source,
    edits: [
      (e) => {
        for (const name of ['a', 'a/b', 'a/b/c']) e.mkdir(name);
        e.write('f', 'first');
        e.write('gone', 'x');
        e.chmod('f', 0o777);
      },
      (e) => {
        e.write('f', 'second');
        e.write('new', 'new');
        e.remove('a/b');
        e.remove('gone');
      },
      () => {},
    ],
  },
  {
    name: 'a directory that is removed and created again is opaque',
    rule: 'its old files do not come back, also in the snapshots above',
    source,
    edits: [
      (e) => {
        e.mkdir('lib', 0o700);
        e.write('lib/hidden', '');
        e.mkdir('lib/sub');
        e.write('lib/sub/hidden', '');
      },
      (e) => {
        e.remove('lib');
        e.mkdir('lib', 0o711);
        e.write('lib/shown', '');
      },
      (e) => {
        e.mkdir('lib/sub');
        e.write('lib/later', '');
      },
    ],
  },
  {
    name: 'files that change their type',
    rule: 'a file, a directory or a symlink completely hides a file of another type',
    source: 'overlayfs.rst, "whiteouts and opaque directories"',
    edits: [
      (e) => {
        e.write('f', 'f');
        e.mkdir('d');
        e.write('d/in', '');
        e.symlink('l', 'd');
      },
      (e) => {
        e.remove('f');
        e.mkdir('f');
        e.write('f/in', '');
        e.remove('d');
        e.write('d', 'a file');
        e.remove('l');
        e.mkdir('l');
      },
      (e) => {
        e.remove('d');
        e.mkdir('d');
        e.remove('f');
        e.symlink('f', 'd');
      },
    ],
  },
  {
    name: 'owners and modes of files in lower snapshots',
    rule: 'chown and chmod of files and directories are kept, and so is the content',
    source,
    edits: [
      (e) => {
        for (const name of ['opt', 'opt/a', 'opt/a/b']) e.mkdir(name, 0o700);
        e.write('opt/a/b/f', 'hello');
        e.write('suid', 'x');
        e.chown('suid', 3, 4);
        e.chmod('suid', 0o6755);
      },
      (e) => {
        for (const name of ['opt', 'opt/a', 'opt/a/b', 'opt/a/b/f']) e.chown(name, 1, 2);
        e.chmod('opt/a', 0o2775);
        e.chmod('suid', 0o4711);
      },
      (e) => {
        e.chown('opt/a/b/f', 0, 0);
        e.remove('suid');
        e.mkdir('opt/a/c', 0o1777);
      },
    ],
  },
  {
    name: 'files renamed, over each other and to other directories',
    rule: 'the old name is gone, and the new name has content and metadata',
    source,
    edits: [
      (e) => {
        e.mkdir('d1', 0o700);
        e.mkdir('d2');
        e.write('d1/f1', 'was here first');
        e.write('d1/f2', 'second');
        e.chmod('d1/f2', 0o600);
        e.mkdir('whole');
        e.write('whole/x', 'x');
      },
      (e) => {
        e.write('d1/over', 'new content');
        e.rename('d1/over', 'd1/f1');
        e.rename('d1/f2', 'd2/f3');
        e.rename('whole', 'moved');
      },
    ],
  },
  {
    name: 'a hardlink to a file of a lower snapshot, whose first name is removed',
    rule: 'the new name keeps the file',
    source,
    edits: [
      (e) => {
        e.mkdir('d');
        e.write('d/f', 'content');
      },
      (e) => {
        e.link('d/f', 'g');
        e.remove('d');
      },
      (e) => e.link('g', 'h'),
    ],
  },
  {
    name: 'hardlinks, symlinks, devices, fifos and extended attributes',
    rule: 'all types and attributes of a filesystem are kept',
    source: 'content of layers: image-spec layer.md',
    edits: [
      (e) => {
        e.write('a', 'x');
        e.link('a', 'b');
        e.symlink('l', '/no/such\xff');
        e.device('null', 1, 3);
        e.fifo('p');
        e.setXattr('a', 'user.x', Buffer.from([0, 255, 10]));
        e.setXattr('a', 'security.capability', Buffer.from(`01000002${'0020000000000000'.repeat(2)}`, 'hex'));
        e.mkdir('new\nline');
        e.setXattr('new\nline', 'trusted.note', 'x');
      },
      (e) => {
        e.write('new\nline/\xfe', '');
        e.remove('null');
      },
    ],
  },
  {
    name: 'times, of directories too',
    rule: 'commit and the snapshots above keep times',
    source: 'content of layers: image-spec layer.md',
    times: true,
    edits: [
      (e) => {
        e.mkdir('d');
        e.write('d/f', 'f');
        for (const [at, name] of ['d/f', 'd', '.'].entries()) e.mtime(name, 1_000_000_000 + at);
      },
      (e) => {
        e.write('d/g', 'g');
        for (const [at, name] of ['d/g', 'd'].entries()) e.mtime(name, 1_100_000_000 + at);
      },
    ],
  },
];

/** The same edits in a plain directory and through the mounts must give the same tree, before and after each commit. */
function contentCase({ edits, times = false, ...words }: ContentCase): SnapshotterCase {
  return snapshotterCase({
    ...words,
    name: `content: ${words.name}`,
    run: async (bench, snapshotter) => {
      const flat = join(bench.directory, 'flat');
      mkdirSync(flat, { mode: 0o755 });
      const ignore = (_: string, field: string) => field === 'mtime' && !times;
      let parent = '';
      for (const edit of edits) {
        const key = bench.fresh();
        await bench.prepare(key, parent);
        const started = await bench.mounted(key, readTree);
        if (parent !== '') expectTree(started, readTree(flat), ignore);
        edit(new Edits(flat));
        await bench.mounted(key, (target) => edit(new Edits(target)));
        expectTree(await bench.mounted(key, readTree), readTree(flat), ignore);
        const name = bench.fresh();
        await bench.commit(name, key);
        expectTree(await bench.treeOf(name), readTree(flat), ignore);
        parent = name;
      }
      expectEqual('parent', (await snapshotter.stat(parent)).parent !== '', true);
    },
  });
}

async function fails(action: () => unknown): Promise<boolean> {
  try {
    await action();
    return false;
  } catch {
    return true;
  }
}

const mountCases = [
  snapshotterCase({
    name: 'content: a view is read-only',
    rule: 'its real mount is read-only: with no, one and two parents',
    source: `${source}; containerd#1368`,
    run: async (bench) => {
      const one = await bench.layer('', (e) => e.write('f', 'f'));
      const two = await bench.layer(one, (e) => e.write('g', 'g'));
      for (const parent of ['', one, two]) {
        const key = bench.fresh();
        await bench.view(key, parent);
        const written = await bench.mounted(
          key,
          async (target) => !(await fails(() => writeFileSync(join(target, 'new'), ''))),
        );
        expect(!written, `a view of ${parent || 'no parent'} was written to`);
        const changed = await bench.mounted(
          key,
          async (target) => parent !== '' && !(await fails(() => writeFileSync(join(target, 'f'), 'x'))),
        );
        expect(!changed, `a file in a view of ${parent} was changed`);
      }
    },
  }),
  snapshotterCase({
    name: 'content: the root directory of a new snapshot',
    rule: 'it is 0755, 0:0, with any umask',
    source,
    run: async (bench) => {
      const umask = process.umask(0o077);
      try {
        await bench.prepare(bench.name('a'));
        const { mode, uid, gid } = await bench.mounted(bench.name('a'), (target) => lstatSync(target));
        expectEqual('the root directory', [(mode & 0o7777).toString(8), uid, gid], ['755', 0, 0]);
      } finally {
        process.umask(umask);
      }
    },
  }),
  snapshotterCase({
    name: "content: the root directory's own metadata",
    rule: 'commit and the snapshots above keep mode, owner and xattrs of the root',
    source: 'layers have an entry ./',
    run: async (bench) => {
      const base = await bench.layer('', (e) => {
        e.chmod('.', 0o711);
        e.chown('.', 5, 6);
        e.setXattr('.', 'user.x', '1');
      });
      const above = await bench.layer(base, (e) => e.write('f', ''));
      for (const name of [base, above]) {
        const root = (await bench.treeOf(name)).get('.');
        expectEqual(
          'the root directory',
          [root?.mode, root?.owner, root?.xattrs],
          ['0711', '5:6', { 'user.x': '31' }],
        );
      }
    },
  }),
  snapshotterCase({
    name: 'content: parents never change',
    rule: 'writing, renaming and removing in a child does not affect its parent or its siblings',
    source,
    run: async (bench) => {
      const base = await bench.layer('', (e) => {
        e.write('f', 'base');
        e.mkdir('d');
        e.write('d/g', 'g');
      });
      const before = await bench.treeOf(base);
      await bench.prepare(bench.name('a'), base);
      await bench.prepare(bench.name('b'), base);
      await bench.mounted(bench.name('a'), (target) => {
        const edits = new Edits(target);
        edits.rewriteQuietly('f', 'FACE');
        edits.remove('d');
        edits.chmod('.', 0o700);
      });
      expectTree(await bench.treeOf(base), before);
      expectTree(await bench.mounted(bench.name('b'), readTree), before);
      await bench.commit(bench.name('c'), bench.name('a'));
      expectTree(await bench.treeOf(base), before);
    },
  }),
  snapshotterCase({
    name: 'content: an active snapshot that is unmounted and mounted again',
    rule: 'it keeps the written files; mounts() returns the same as prepare',
    source,
    run: async (bench, snapshotter) => {
      const base = await bench.layer('', (e) => e.write('f', 'f'));
      for (const parent of ['', base]) {
        const key = bench.fresh();
        const mounts = await bench.prepare(key, parent);
        expect(mounts.length > 0, 'prepare returned no mounts');
        expectEqual('mounts', await snapshotter.mounts(key), mounts);
        await bench.mounted(key, (target) => writeFileSync(join(target, 'kept'), 'k'));
        const tree = await bench.mounted(key, readTree);
        expectEqual('size of kept', tree.get('kept')?.size, 1);
      }
    },
  }),
  snapshotterCase({
    name: 'content: whiteouts of a snapshot that gets its parent at commit',
    rule: 'a whiteout that was created before the parent was known hides a file of the parent',
    source: 'containerd#13030; overlayfs.rst, "whiteouts"',
    run: async (bench) => {
      const base = await bench.layer('', (e) => {
        e.write('gone', '');
        e.write('kept', '');
      });
      await bench.prepare(bench.name('a'));
      await bench.mounted(bench.name('a'), (target) => new Edits(target).device('gone', 0, 0));
      await bench.commit(bench.name('c'), bench.name('a'), { parent: base });
      expectEqual('names', [...(await bench.treeOf(bench.name('c'))).keys()], ['.', 'kept']);
    },
  }),
  snapshotterCase({
    name: 'content: a chain of 130 snapshots',
    rule: 'it can be mounted, and shows the changes of all snapshots',
    source: `${source}: 128 layers`,
    run: async (bench) => {
      const { parent, names } = await chain(bench, 130);
      const tree = await bench.treeOf(parent);
      expectEqual(
        'names',
        [...tree.keys()],
        ['.', 'all', ...names.map((name) => `all/${name}`), 'last', 'only', 'only/129'],
      );
      expectEqual('size of last', tree.get('last')?.size, 129);
      await bench.prepare(bench.name('a'), parent);
      await bench.mounted(bench.name('a'), (target) =>
        new Edits(target).rewriteQuietly('last', 'X'.repeat(129)),
      );
    },
  }),
];

/** Each snapshot adds a name, extends a file, and creates a directory again. */
async function chain(bench: SnapshotBench, count: number) {
  let parent = '';
  const names = Array.from({ length: count }, (_, at) => String(at).padStart(3, '0'));
  for (const [at, name] of names.entries()) {
    parent = await bench.layer(parent, (e) => {
      if (at === 0) e.mkdir('all');
      else e.remove('only');
      e.write(`all/${name}`, '');
      e.write('last', 'x'.repeat(at));
      e.mkdir('only');
      e.write(`only/${name}`, '');
    });
  }
  return { parent, names };
}

export const contentCases = [...cases.map(contentCase), ...mountCases];
