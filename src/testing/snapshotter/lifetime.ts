import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLayerhookError } from '../../errors/index.js';
import { expect } from '../case.js';
import { readTree } from '../tree.js';
import { expectEqual, expectFailure, type SnapshotBench, snapshotterCase } from './bench.js';

const source = "containerd's Snapshotter interface, core/snapshots/snapshotter.go";
const rebase = 'containerd\'s capability "rebase": storage/metastore_test.go, testRebase';

/** Commit onto a parent, removal, closing, and concurrent callers. */
export const lifetimeCases = [
  snapshotterCase({
    name: 'commit onto a parent',
    rule: 'a snapshot without a parent may get one at commit, and shows the files of the parent',
    source: rebase,
    run: async (bench, snapshotter) => {
      const base = await bench.layer('', (e) => {
        e.write('base', 'base');
        e.write('both', 'below');
      });
      await bench.prepare(bench.name('a'));
      await bench.mounted(bench.name('a'), (target) => {
        writeFileSync(join(target, 'top'), 'top');
        writeFileSync(join(target, 'both'), 'above');
      });
      await bench.commit(bench.name('c'), bench.name('a'), { parent: base });
      expectEqual('parent', (await snapshotter.stat(bench.name('c'))).parent, base);
      const tree = await bench.treeOf(bench.name('c'));
      expectEqual('names', [...tree.keys()], ['.', 'base', 'both', 'top']);
      expectEqual('size of both', tree.get('both')?.size, 5);
      await expectFailure('PRECONDITION', 'remove of the parent', snapshotter.remove(base));
    },
  }),
  snapshotterCase({
    name: 'layers that were created in parallel are committed onto each other',
    rule: 'the chain is the same as if they had been created one after the other',
    source: rebase,
    run: async (bench) => {
      const keys = [0, 1, 2, 3].map((at) => bench.name(`a${at}`));
      for (const key of keys) await bench.prepare(key);
      for (const [at, key] of keys.entries())
        await bench.mounted(key, (target) => {
          writeFileSync(join(target, 'last'), `${at}`);
          writeFileSync(join(target, `own${at}`), '');
        });
      let parent = '';
      for (const [at, key] of keys.entries()) {
        await bench.commit(bench.name(`c${at}`), key, { parent });
        parent = bench.name(`c${at}`);
      }
      const key = bench.fresh();
      await bench.view(key, parent);
      const last = await bench.mounted(key, (target) => readFileSync(join(target, 'last'), 'utf8'));
      expectEqual('last', last, '3');
      expectEqual(
        'names',
        [...(await bench.treeOf(parent)).keys()],
        ['.', 'last', ...keys.map((_, at) => `own${at}`)],
      );
    },
  }),
  snapshotterCase({
    name: 'commit onto the current parent',
    rule: 'the same parent and no parent have the same effect',
    source: rebase,
    run: async (bench, snapshotter) => {
      const base = await bench.committed(bench.name('base'));
      for (const [name, parent] of [
        ['c1', base],
        ['c2', ''],
      ] as const) {
        const key = bench.fresh();
        await bench.prepare(key, base);
        await bench.commit(bench.name(name), key, { parent });
        expectEqual('parent', (await snapshotter.stat(bench.name(name))).parent, base);
      }
    },
  }),
  snapshotterCase({
    name: 'commit onto an invalid parent',
    rule: 'a missing parent is NotFound, an uncommitted parent FailedPrecondition, a different parent InvalidArgument; the snapshot stays active',
    source: rebase,
    run: async (bench, snapshotter) => {
      const name = bench.name.bind(bench);
      await bench.committed(name('base'));
      await bench.committed(name('other'));
      await bench.prepare(name('active'));
      await bench.prepare(name('a'));
      await bench.prepare(name('b'), name('base'));
      await expectFailure(
        'NOT_FOUND',
        'commit',
        bench.commit(name('c'), name('a'), { parent: name('none') }),
      );
      await expectFailure(
        'PRECONDITION',
        'commit',
        bench.commit(name('c'), name('a'), { parent: name('active') }),
      );
      await expectFailure(
        'ARGUMENT',
        'commit',
        bench.commit(name('c'), name('b'), { parent: name('other') }),
      );
      await expectFailure('NOT_FOUND', 'stat', snapshotter.stat(name('c')));
      for (const key of ['a', 'b']) expectEqual('kind', (await snapshotter.stat(name(key))).kind, 'active');
      await bench.commit(name('c'), name('a'), { parent: name('base') });
    },
  }),
  snapshotterCase({
    name: 'files of a removed snapshot do not come back',
    rule: 'the same key prepared again is empty, or the same as its parent',
    source,
    run: async (bench, snapshotter) => {
      const base = await bench.layer('', (e) => e.write('f', 'base'));
      for (const parent of ['', base]) {
        await bench.prepare(bench.name('a'), parent);
        await bench.mounted(bench.name('a'), (target) => writeFileSync(join(target, 'f'), 'changed'));
        await snapshotter.remove(bench.name('a'));
        await bench.prepare(bench.name('a'), parent);
        const tree = await bench.mounted(bench.name('a'), readTree);
        expectEqual('size of f', tree.get('f')?.size, parent ? 4 : undefined);
        await snapshotter.remove(bench.name('a'));
      }
    },
  }),
  snapshotterCase({
    name: 'cleanup keeps all snapshots',
    rule: 'it only removes leftovers of removed snapshots',
    source: "containerd's Cleaner interface",
    run: async (bench, snapshotter) => {
      const base = await bench.layer('', (e) => e.write('f', 'f'));
      await bench.prepare(bench.name('a'), base);
      await bench.mounted(bench.name('a'), (target) => writeFileSync(join(target, 'g'), 'g'));
      await bench.committed(bench.name('gone'));
      await snapshotter.remove(bench.name('gone'));
      await snapshotter.cleanup();
      await snapshotter.cleanup();
      const tree = await bench.mounted(bench.name('a'), readTree);
      expectEqual('names', [...tree.keys()], ['.', 'f', 'g']);
      expectEqual('number of snapshots', (await bench.list()).length, 2);
    },
  }),
  snapshotterCase({
    name: 'usage counts the snapshot itself',
    rule: 'it counts bytes and inodes that were written in the snapshot, without its parents',
    source,
    run: async (bench, snapshotter) => {
      const mebibyte = 1 << 20;
      const base = await bench.layer('', (e) => e.write('big', 'x'.repeat(mebibyte)));
      const large = await snapshotter.usage(base);
      expect(
        large.size >= mebibyte && large.size < 2 * mebibyte,
        `${large.size} bytes for one file of 1 MiB`,
      );
      expect(large.inodes >= 1, `${large.inodes} inodes`);
      await bench.prepare(bench.name('a'), base);
      const before = await snapshotter.usage(bench.name('a'));
      expect(before.size < mebibyte / 2, `${before.size} bytes before anything is written`);
      await bench.mounted(bench.name('a'), (target) => {
        for (let i = 0; i < 10; i++) writeFileSync(join(target, `f${i}`), 'x'.repeat(10_000));
      });
      const after = await snapshotter.usage(bench.name('a'));
      expect(
        after.size - before.size >= 100_000 && after.size < mebibyte / 2,
        `${after.size} bytes after ten files of 10,000`,
      );
      expectEqual('inodes', after.inodes - before.inodes, 10);
      await bench.commit(bench.name('c'), bench.name('a'));
      const committed = await snapshotter.usage(bench.name('c'));
      expect(
        committed.size >= 100_000 && committed.size < mebibyte / 2,
        `${committed.size} bytes when committed`,
      );
    },
  }),
  snapshotterCase({
    name: 'closed and opened again',
    rule: 'close only frees handles: snapshots, labels, content and mounts stay the same',
    source: `${source}; containerd/stargz-snapshotter#2126`,
    run: async (bench, snapshotter) => {
      const base = await bench.layer('', (e) => e.write('f', 'f'), bench.name('c'));
      await bench.prepare(bench.name('a'), base, { l: '1' });
      await bench.mounted(bench.name('a'), (target) => writeFileSync(join(target, 'g'), 'g'));
      const before = [await bench.list(), await snapshotter.mounts(bench.name('a'))];
      const other = await bench.openAgain();
      await other.close();
      const again = await bench.openAgain();
      const listed = [];
      for await (const info of again.walk()) if (info.name.startsWith(bench.prefix)) listed.push(info);
      const byName = (infos: unknown) =>
        JSON.stringify((infos as { name: string }[]).sort((a, b) => (a.name < b.name ? -1 : 1)));
      expectEqual('names', byName(listed), byName(before[0]));
      expectEqual('mounts', await again.mounts(bench.name('a')), before[1]);
      const tree = await bench.mounted(bench.name('a'), readTree, again);
      expectEqual('files', [...tree.keys()], ['.', 'f', 'g']);
      await again.commit(bench.name('c2'), bench.name('a'), { labels: bench.labels });
      expectEqual('kind', (await snapshotter.stat(bench.name('c2'))).kind, 'committed');
    },
  }),
  snapshotterCase({
    name: 'closed twice',
    rule: 'closing again has no effect',
    source,
    run: async (bench) => {
      const other = await bench.openAgain();
      await other.prepare(bench.name('a'), '', { labels: bench.labels });
      await other.close();
      await other.close();
    },
  }),
  snapshotterCase({
    name: 'concurrent callers, each with its own keys',
    rule: 'all succeed, and no caller sees a partial snapshot',
    source: 'containerd unpacks and removes in parallel',
    run: async (bench, snapshotter) => {
      const other = await bench.openAgain();
      const base = await bench.committed(bench.name('base'));
      await Promise.all(
        Array.from({ length: 12 }, async (_, at) => {
          const through = at % 2 === 0 ? snapshotter : other;
          await through.prepare(bench.name(`a${at}`), base, { labels: bench.labels });
          await through.commit(bench.name(`c${at}`), bench.name(`a${at}`), { labels: bench.labels });
          await through.view(bench.name(`v${at}`), bench.name(`c${at}`), { labels: bench.labels });
          if (at % 3 > 0) return;
          await through.remove(bench.name(`v${at}`));
          await through.remove(bench.name(`c${at}`));
        }),
      );
      const kinds = (await bench.list()).map(({ kind }) => kind);
      const count = (wanted: string) => kinds.filter((kind) => kind === wanted).length;
      expectEqual('number of snapshots', [count('committed'), count('view'), count('active')], [9, 8, 0]);
    },
  }),
  snapshotterCase({
    name: 'concurrent callers, all with the same key or name',
    rule: 'one of them succeeds, and the others get AlreadyExists or NotFound',
    source,
    run: async (bench, snapshotter) => {
      const other = await bench.openAgain();
      const key = bench.name('a');
      const five = [snapshotter, other, snapshotter, other, snapshotter];
      const labels = { labels: bench.labels };
      await expectOne(
        five.map((one) => one.prepare(key, '', labels)),
        'EXISTS',
      );
      await expectOne(
        five.map((one) => one.commit(bench.name('c'), key, labels)),
        'EXISTS',
        'NOT_FOUND',
      );
      await expectOne(
        five.map((one) => one.remove(bench.name('c'))),
        'NOT_FOUND',
      );
      expectEqual('what is left', await bench.list(), []);
    },
  }),
  snapshotterCase({
    name: 'a parent that is removed while a child of it is prepared',
    rule: 'one of the two fails, and every child has its parent',
    source,
    run: async (bench, snapshotter) => {
      const other = await bench.openAgain();
      for (let round = 0; round < 5; round++) {
        const base = await bench.committed(bench.name(`base${round}`));
        const outcomes = await Promise.allSettled([
          snapshotter.prepare(bench.name(`a${round}`), base, { labels: bench.labels }),
          other.remove(base),
        ]);
        const worked = outcomes.filter(({ status }) => status === 'fulfilled').length;
        expectEqual('number of successful calls', worked, 1);
      }
      await expectParents(bench);
    },
  }),
];

async function expectOne(outcomes: Promise<unknown>[], ...errors: string[]): Promise<void> {
  const settled = await Promise.allSettled(outcomes);
  expectEqual('number of successful calls', settled.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const outcome of settled) {
    if (outcome.status === 'fulfilled') continue;
    const code = isLayerhookError(outcome.reason) ? outcome.reason.code : String(outcome.reason);
    expect(
      errors.some((error) => code === `SNAPSHOT_${error}`),
      `one failed with ${code}, not ${errors.join(' or ')}`,
    );
  }
}

async function expectParents(bench: SnapshotBench): Promise<void> {
  const all = await bench.list();
  const names = new Set(all.map(({ name }) => name));
  for (const { name, parent } of all)
    expect(parent === '' || names.has(parent), `${name} exists, but its parent is missing`);
}
