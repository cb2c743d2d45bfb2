import type { Info } from '../../store/types.js';
import { expect } from '../case.js';
import { expectEqual, expectFailure, snapshotterCase } from './bench.js';

const source = "containerd's Snapshotter interface, core/snapshots/snapshotter.go";

function about({ kind, name, parent }: Info) {
  return { kind, name, parent };
}

/** Kinds, parents, and the common namespace of keys and names. */
export const nameCases = [
  snapshotterCase({
    name: 'stat of an active snapshot, a view and a committed snapshot',
    rule: 'kind, name and parent are the values at creation',
    source,
    run: async (bench, snapshotter) => {
      const name = bench.name.bind(bench);
      await bench.committed(name('c'));
      await bench.committed(name('c2'), name('c'));
      await bench.prepare(name('a'));
      await bench.prepare(name('a2'), name('c2'));
      await bench.view(name('v'), name('c2'));
      await bench.view(name('v0'));
      for (const [key, kind, parent] of [
        ['c', 'committed', ''],
        ['c2', 'committed', name('c')],
        ['a', 'active', ''],
        ['a2', 'active', name('c2')],
        ['v', 'view', name('c2')],
        ['v0', 'view', ''],
      ] as const)
        expectEqual(`stat of ${key}`, about(await snapshotter.stat(name(key))), {
          kind,
          name: name(key),
          parent,
        });
    },
  }),
  snapshotterCase({
    name: 'times of creation and of update',
    rule: 'both are the time of the call, in order, and equal at first',
    source,
    run: async (bench, snapshotter) => {
      const before = Date.now();
      await bench.committed(bench.name('c'));
      await bench.prepare(bench.name('a'), bench.name('c'));
      const after = Date.now();
      for (const key of ['c', 'a']) {
        const { created, updated } = await snapshotter.stat(bench.name(key));
        expect(created instanceof Date && updated instanceof Date, 'times are not Dates');
        // the precision of a store may differ from Date
        expect(+created >= before - 1 && +created <= after + 1, `created is ${created.toISOString()}`);
        expectEqual('updated', updated, created);
      }
    },
  }),
  snapshotterCase({
    name: 'a missing snapshot',
    rule: 'every method fails with NotFound',
    source,
    run: async (bench, snapshotter) => {
      const none = bench.name('none');
      await expectFailure('NOT_FOUND', 'stat', snapshotter.stat(none));
      await expectFailure('NOT_FOUND', 'update', snapshotter.update({ name: none, labels: {} }));
      await expectFailure('NOT_FOUND', 'usage', snapshotter.usage(none));
      await expectFailure('NOT_FOUND', 'mounts', snapshotter.mounts(none));
      await expectFailure('NOT_FOUND', 'prepare', bench.prepare(bench.name('a'), none));
      await expectFailure('NOT_FOUND', 'view', bench.view(bench.name('v'), none));
      await expectFailure('NOT_FOUND', 'commit', bench.commit(bench.name('c'), none));
      await expectFailure('NOT_FOUND', 'remove', snapshotter.remove(none));
      expectEqual('what is left', await bench.list(), []);
    },
  }),
  snapshotterCase({
    name: 'keys and names share one namespace',
    rule: 'a name in use, by any kind of snapshot, is AlreadyExists',
    source,
    run: async (bench) => {
      const name = bench.name.bind(bench);
      await bench.committed(name('c'));
      await bench.prepare(name('a'));
      await bench.view(name('v'), name('c'));
      for (const taken of ['c', 'a', 'v']) {
        await expectFailure('EXISTS', `prepare of ${taken}`, bench.prepare(name(taken)));
        await expectFailure('EXISTS', `prepare of ${taken}`, bench.prepare(name(taken), name('c')));
        await expectFailure('EXISTS', `view of ${taken}`, bench.view(name(taken), name('c')));
      }
      for (const taken of ['c', 'v'])
        await expectFailure('EXISTS', `commit as ${taken}`, bench.commit(name(taken), name('a')));
    },
  }),
  snapshotterCase({
    name: 'a failed commit does not change the active snapshot',
    rule: 'it still exists, and can be mounted and committed under another name',
    source,
    run: async (bench, snapshotter) => {
      await bench.committed(bench.name('c'));
      await bench.prepare(bench.name('a'));
      await bench.mounted(bench.name('a'), () => {});
      await expectFailure('EXISTS', 'commit', bench.commit(bench.name('c'), bench.name('a')));
      expectEqual('kind', (await snapshotter.stat(bench.name('a'))).kind, 'active');
      await bench.mounted(bench.name('a'), () => {});
      await bench.commit(bench.name('c2'), bench.name('a'));
    },
  }),
  snapshotterCase({
    name: 'only committed snapshots are parents',
    rule: 'an active snapshot or a view as a parent is InvalidArgument',
    source: `${source}; storage/metastore_test.go`,
    run: async (bench) => {
      await bench.prepare(bench.name('a'));
      await bench.view(bench.name('v'));
      for (const parent of ['a', 'v']) {
        await expectFailure(
          'ARGUMENT',
          `prepare on ${parent}`,
          bench.prepare(bench.fresh(), bench.name(parent)),
        );
        await expectFailure('ARGUMENT', `view of ${parent}`, bench.view(bench.fresh(), bench.name(parent)));
      }
    },
  }),
  snapshotterCase({
    name: 'only active snapshots are committed',
    rule: 'commit of a view or a committed snapshot is FailedPrecondition',
    source: `${source}; storage/metastore_test.go`,
    run: async (bench) => {
      await bench.committed(bench.name('c'));
      await bench.view(bench.name('v'), bench.name('c'));
      for (const key of ['c', 'v'])
        await expectFailure('PRECONDITION', `commit of ${key}`, bench.commit(bench.fresh(), bench.name(key)));
    },
  }),
  snapshotterCase({
    name: 'a committed snapshot has no mounts',
    rule: 'only active snapshots and views have mounts: FailedPrecondition',
    source: `${source}; storage/metastore_test.go`,
    run: async (bench, snapshotter) => {
      await bench.committed(bench.name('c'));
      await expectFailure('PRECONDITION', 'mounts', snapshotter.mounts(bench.name('c')));
    },
  }),
  snapshotterCase({
    name: 'a key is free again when it is committed or removed',
    rule: 'the key is gone after commit; keys and names can be used again, for any kind',
    source,
    run: async (bench, snapshotter) => {
      const [key, name] = [bench.name('key'), bench.name('name')];
      await bench.prepare(key);
      await bench.commit(name, key);
      await expectFailure('NOT_FOUND', 'stat of the committed key', snapshotter.stat(key));
      await bench.prepare(key, name);
      await snapshotter.remove(key);
      await bench.view(key, name);
      await snapshotter.remove(key);
      await bench.prepare(key);
      await snapshotter.remove(name);
      await bench.commit(name, key);
      expectEqual('kind', (await snapshotter.stat(name)).kind, 'committed');
    },
  }),
  snapshotterCase({
    name: 'names with any text',
    rule: 'paths, colons, spaces, other scripts and 500 characters are valid names',
    source: 'containerd prefixes names with its namespace and a number: default/12/sha256:…',
    run: async (bench, snapshotter) => {
      for (const text of [
        '/abs/../path',
        'sha256:0',
        ' a b ',
        'zwölf-漢字',
        `${'long'.repeat(125)}`,
        '..',
        'a\\b"c',
      ]) {
        await bench.prepare(bench.name(`key ${text}`));
        await bench.commit(bench.name(text), bench.name(`key ${text}`));
        expectEqual('name', (await snapshotter.stat(bench.name(text))).name, bench.name(text));
      }
      expectEqual('number of snapshots', (await bench.list()).length, 7);
    },
  }),
  snapshotterCase({
    name: 'a parent with children cannot be removed',
    rule: 'it is FailedPrecondition, for any kind of child, until the last child is removed',
    source,
    run: async (bench, snapshotter) => {
      const name = bench.name.bind(bench);
      await bench.committed(name('base'));
      await bench.committed(name('middle'), name('base'));
      await bench.prepare(name('a'), name('middle'));
      await bench.view(name('v'), name('middle'));
      await expectFailure('PRECONDITION', 'remove of base', snapshotter.remove(name('base')));
      for (const child of ['a', 'v']) {
        await expectFailure('PRECONDITION', 'remove of middle', snapshotter.remove(name('middle')));
        await snapshotter.remove(name(child));
      }
      await snapshotter.remove(name('middle'));
      await snapshotter.remove(name('base'));
      expectEqual('what is left', await bench.list(), []);
    },
  }),
];
