/** Every Snapshotter here is wrong in one way: the suite must say so in the cases about it, and in no others. */
import { join } from 'node:path';
import { mountAll, unmountAll } from '../../src/overlay/index.js';
import { openStore, type Snapshotter } from '../../src/store/index.js';
import { type SnapshotterHarness, snapshotterSuite } from '../../src/testing/index.js';
import { scratchDirectories } from '../helpers/conformance.js';
import { rootTest } from '../helpers/root-test.js';

const scratch = scratchDirectories();

/** What the wrong one does, given the right one. */
type Wrong = (right: Snapshotter) => Partial<Snapshotter>;

const snapshotters: [title: string, wrong: Wrong, fails: string[]][] = [
  [
    'ignores a parent that is named at commit',
    (right) => ({ commit: (name, key, { labels } = {}) => right.commit(name, key, { labels }) }),
    [
      'commit onto a parent',
      'layers that were created in parallel are committed onto each other',
      'commit onto an invalid parent',
      'content: whiteouts of a snapshot that gets its parent at commit',
    ],
  ],
  [
    'gives views that can be written to',
    (right) => ({ view: (key, parent, options) => right.prepare(key, parent, options) }),
    [
      'stat of an active snapshot, a view and a committed snapshot',
      'only active snapshots are committed',
      'walk with filters',
      'concurrent callers, each with its own keys',
      'content: a view is read-only',
    ],
  ],
  [
    'ignores filters',
    (right) => ({ walk: () => right.walk() }),
    ['walk with filters', 'walk with a malformed filter'],
  ],
  [
    'ignores field paths',
    (right) => ({ update: (info) => right.update(info) }),
    ['update of single labels', 'update of fields that must not change'],
  ],
  [
    'removes what is not there',
    (right) => ({ remove: (name) => right.remove(name).catch(() => {}) }),
    [
      'a missing snapshot',
      'a parent with children cannot be removed',
      'commit onto a parent',
      'concurrent callers, all with the same key or name',
      'a parent that is removed while a child of it is prepared',
    ],
  ],
  [
    'inherits labels at commit',
    (right) => ({
      commit: async (name, key, options) => {
        const { labels } = await right.stat(key);
        await right.commit(name, key, { ...options, labels: { ...labels, ...options?.labels } });
      },
    }),
    ["a commit's labels replace those of the active snapshot"],
  ],
  [
    'counts parents in usage',
    (right) => ({
      usage: async (name) => {
        let total = { size: 0, inodes: 0 };
        for (let at = name; at !== ''; at = (await right.stat(at)).parent) {
          const { size, inodes } = await right.usage(at);
          total = { size: total.size + size, inodes: total.inodes + inodes };
        }
        return total;
      },
    }),
    ['usage counts the snapshot itself'],
  ],
];

for (const [title, wrong, fails] of snapshotters) {
  rootTest.serial(`the suite finds a Snapshotter that ${title}`, async (t) => {
    const root = join(scratch(), 'store');
    const harness: SnapshotterHarness = {
      open: async () => overlaid(await openStore({ root }), wrong),
      mount: mountAll,
      unmount: unmountAll,
      scratch,
    };
    const found: string[] = [];
    for (const { name, run } of snapshotterSuite) {
      // the longest one, about mounts only
      if (name === 'content: a chain of 130 snapshots') continue;
      const outcome = await run(harness).catch((error: Error) => error);
      if (!outcome) continue;
      found.push(name);
      t.is(outcome.name, 'AssertionError');
    }
    t.deepEqual(found.sort(), [...fails].sort());
  });
}

function overlaid(right: Snapshotter, wrong: Wrong): Snapshotter {
  const instead = wrong(right);
  return new Proxy(right, {
    get: (_, name) => {
      const method = Reflect.get(name in instead ? instead : right, name);
      return typeof method === 'function' && !(name in instead) ? method.bind(right) : method;
    },
  });
}
