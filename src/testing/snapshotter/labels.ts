import { expect } from '../case.js';
import { expectEqual, expectFailure, type SnapshotBench, snapshotterCase } from './bench.js';

const source = "containerd's Snapshotter interface: Update, Walk; core/snapshots/snapshotter.go";

function sorted(labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function expectLabels(
  bench: SnapshotBench,
  key: string,
  wanted: Record<string, string>,
): Promise<void> {
  const { labels } = await bench.snapshotter.stat(bench.name(key));
  expectEqual(`labels of ${key}`, sorted(labels), sorted({ ...bench.labels, ...wanted }));
}

async function everyKind(bench: SnapshotBench): Promise<void> {
  await bench.committed(bench.name('c'));
  await bench.prepare(bench.name('a'), bench.name('c'), { l1: 'a', l9: 'kept' });
  await bench.view(bench.name('v'), bench.name('c'));
}

export const labelCases = [
  snapshotterCase({
    name: 'labels are kept unchanged',
    rule: 'keys with dots and slashes, and values of any text',
    source,
    run: async (bench) => {
      const labels = { 'a.b/c': 'x', empty: '', text: 'zwölf "quoted"\n', 'containerd.io/snapshot/x': '1' };
      const { empty, ...kept } = labels;
      await bench.prepare(bench.name('a'), '', kept);
      await expectLabels(bench, 'a', kept);
    },
  }),
  snapshotterCase({
    name: "a commit's labels replace those of the active snapshot",
    rule: 'labels of the key are not inherited',
    source: "containerd's storage.CommitActive",
    run: async (bench) => {
      await bench.prepare(bench.name('a'), '', { old: '1' });
      await bench.commit(bench.name('c'), bench.name('a'), { labels: { new: '2' } });
      await expectLabels(bench, 'c', { new: '2' });
    },
  }),
  snapshotterCase({
    name: 'update of all labels',
    rule: 'without field paths, or with `labels`, all labels are replaced',
    source,
    run: async (bench, snapshotter) => {
      await everyKind(bench);
      for (const key of ['c', 'a', 'v']) {
        for (const paths of [[], ['labels']]) {
          const labels = { ...bench.labels, l1: `v1 ${paths}`, l2: 'v2' };
          const info = await snapshotter.update({ name: bench.name(key), labels }, paths);
          expectEqual('the labels that update returns', sorted(info.labels), sorted(labels));
          await expectLabels(bench, key, { l1: `v1 ${paths}`, l2: 'v2' });
        }
      }
    },
  }),
  snapshotterCase({
    name: 'update of single labels',
    rule: 'a field path labels.NAME sets this label, or removes it if it is missing; other labels stay',
    source,
    run: async (bench, snapshotter) => {
      await bench.prepare(bench.name('a'), '', { l1: '1', l2: '2', l3: '3', 'a.b/c': '4' });
      const change = { name: bench.name('a'), labels: { l1: 'new', l4: 'not asked for', 'a.b/c': 'new' } };
      await snapshotter.update(change, ['labels.l1', 'labels.l2', 'labels.a.b/c']);
      await expectLabels(bench, 'a', { l1: 'new', l3: '3', 'a.b/c': 'new' });
    },
  }),
  snapshotterCase({
    name: 'update changes only the labels and the time of the update',
    rule: 'kind, name, parent and created stay; updated is the time of the call',
    source,
    run: async (bench, snapshotter) => {
      await everyKind(bench);
      for (const key of ['c', 'a', 'v']) {
        const before = await snapshotter.stat(bench.name(key));
        const now = Date.now();
        const given = { ...before, parent: 'other', kind: 'committed', labels: bench.labels } as const;
        const after = await snapshotter.update(given);
        const fixed = ({ kind, name, parent, created }: typeof before) => ({ kind, name, parent, created });
        expectEqual('what update returns', fixed(after), fixed(before));
        expectEqual('what stat returns afterwards', await snapshotter.stat(bench.name(key)), after);
        expect(+after.updated >= now - 1, `updated is ${after.updated.toISOString()}`);
      }
    },
  }),
  snapshotterCase({
    name: 'update of fields that must not change',
    rule: 'any other field path is InvalidArgument, and changes nothing',
    source,
    run: async (bench, snapshotter) => {
      await everyKind(bench);
      for (const path of ['parent', 'name', 'kind', 'created', 'none']) {
        const change = { name: bench.name('a'), labels: { l1: 'changed' } };
        await expectFailure('ARGUMENT', `update of ${path}`, snapshotter.update(change, ['labels.l1', path]));
        await expectLabels(bench, 'a', { l1: 'a', l9: 'kept' });
      }
    },
  }),
  snapshotterCase({
    name: 'walk returns every snapshot once, with the values of stat',
    rule: 'without filters it returns all snapshots, in any order',
    source,
    run: async (bench, snapshotter) => {
      await everyKind(bench);
      const walked = await bench.list();
      expectEqual(
        'what walk returns',
        walked.map(({ name }) => name).sort(),
        ['a', 'c', 'v'].map((key) => bench.name(key)),
      );
      for (const info of walked) expectEqual('stat', await snapshotter.stat(info.name), info);
    },
  }),
  snapshotterCase({
    name: 'a walk that stops early',
    rule: 'a reader that stops early does not block other calls',
    source: 'AsyncIterable: return()',
    run: async (bench, snapshotter) => {
      await everyKind(bench);
      for await (const info of snapshotter.walk()) {
        await snapshotter.stat(info.name);
        break;
      }
      await snapshotter.remove(bench.name('a'));
    },
  }),
  snapshotterCase({
    name: 'walk with filters',
    rule: 'all parts of a filter must match, and at least one of several filters',
    source: "containerd's pkg/filters; the fields name, parent, kind, labels",
    run: async (bench) => {
      const name = bench.name.bind(bench);
      await bench.prepare(name('a0'), '', { l: '2' });
      const key = bench.fresh();
      await bench.prepare(key);
      await bench.commit(name('c'), key, { labels: { l: '1', 'dotted.label/x': 'y z' } });
      await bench.prepare(name('a'), name('c'), { l: '2' });
      await bench.view(name('v'), name('c'));
      const own = `labels."containerd.io/gc.root"=="${bench.prefix}"`;
      for (const [filters, found] of [
        [[own], 'a a0 c v'],
        [[`kind==active,${own}`], 'a a0'],
        [[`kind==view,${own}`], 'v'],
        [[`kind==committed,${own}`], 'c'],
        [[`name=="${name('c')}"`, `name=="${name('v')}"`], 'c v'],
        [[`name=="${name('none')}"`], ''],
        [[`parent=="${name('c')}"`], 'a v'],
        [[`parent!="",${own}`], 'a v'],
        [[`${own},labels.l`], 'a a0 c'],
        [[`${own},labels.l==2`], 'a a0'],
        [[`${own},labels.l!=2`], 'c v'],
        [[`${own},labels.l~="^[13]$"`], 'c'],
        [[`${own},labels."dotted.label/x"=="y z"`], 'c'],
        [[`${own},kind==active,labels.l==2,parent!=""`], 'a'],
        [[`${own},labels.none`], ''],
      ] as const) {
        const names = (await bench.list([...filters])).map((info) => info.name.slice(bench.prefix.length));
        expectEqual(`what ${filters.join(' or ')} returns`, names.sort().join(' '), found);
      }
    },
  }),
  snapshotterCase({
    name: 'walk with a malformed filter',
    rule: 'it is InvalidArgument',
    source: "containerd's pkg/filters",
    run: async (bench) => {
      for (const filter of ['kind=active', 'name==', 'name=="open', ','])
        await expectFailure('ARGUMENT', `walk with ${filter}`, bench.list([filter]));
    },
  }),
];
