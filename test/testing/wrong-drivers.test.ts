/** Every driver here is wrong in one way: the suite must say so in the cases about it, and in no others. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import copyDriver from '../../drivers/copy/index.js';
import type { Change, Driver, Hooks } from '../../src/index.js';
import { driverSuite, readLayer } from '../../src/testing/index.js';
import { scratchDirectories } from '../helpers/conformance.js';
import { requires } from '../helpers/requires.js';

const scratch = scratchDirectories();
const post = 'unpack.ociv1.layer.post-extract';
const skip = 'unpack.ociv1.layer.try-skip';
const delta = 'repack.ociv1.layer.delta-list';
const assemble = 'unpack.ociv1.bundle.assemble';

function wrong(hooks: (right: Hooks) => Hooks): Driver {
  const copy = copyDriver();
  return { ...copy, name: 'wrong', hooks: { ...copy.hooks, ...hooks(copy.hooks) } };
}

/** A driver that keeps trees, and copies them with cp's options. */
function keeper(...options: string[]): Driver {
  const store = scratch();
  const copyTree = (from: string, to: string) => void execFileSync('cp', [...options, '-T', from, to]);
  return wrong(() => ({
    [skip]: ({ index, chainIDs, rootfs }) => {
      const kept = join(store, chainIDs.at(-1)!);
      if (!existsSync(kept)) return { skip: false };
      if (index === 0) copyTree(kept, rootfs);
      return { skip: true };
    },
    [post]: ({ chainID, chainIDs, rootfs }) => {
      if (chainID === chainIDs.at(-1)) execFileSync('cp', ['-aT', rootfs, join(store, chainID)]);
    },
  }));
}

interface WrongDriver {
  title: string;
  driver: () => Driver;
  fails: string[];
  passes: string[];
}

const drivers: WrongDriver[] = [
  {
    title: 'loses the times of directories',
    driver: () =>
      wrong((right) => ({
        [assemble]: async (context) => {
          const all = readdirSync(context.rootfs, { recursive: true, withFileTypes: true, encoding: 'utf8' });
          for (const entry of all)
            if (entry.isDirectory()) utimesSync(join(entry.parentPath, entry.name), 1, 1);
          await right[assemble]!(context);
        },
      })),
    fails: [
      'a directory that a layer does not list keeps the metadata of the layers below',
      'the time of a directory comes from its entry, even if files in it are created or hidden',
      'a whiteout below an unlisted directory works, and does not change the directory',
      'an opaque directory that the layer does not list keeps its metadata',
      'times to the nanosecond, before 1970 and after 2106, of links too',
      'a second unpack gives the same tree as the first',
    ],
    passes: [
      'names that only look like whiteouts are ordinary names',
      'a whiteout of one name of a hardlinked file keeps the other names',
      'the root directory has the metadata of the entry ./',
      'empty files and files of holes',
      'a file name with the form of a whiteout',
    ],
  },
  {
    title: 'keeps trees by their chainID alone',
    driver: () => keeper('-a'),
    fails: [
      'bundles of one image with and without an id map',
      'bundles of one image with and without keep-dirlinks',
    ],
    passes: [
      'a second unpack gives the same tree as the first',
      'two operations with one driver object, one after the other and at the same time',
    ],
  },
  {
    title: 'ignores opaque markers',
    driver: () =>
      wrong(() => ({
        [skip]: ({ rootfs }) => {
          execFileSync('cp', ['-aT', rootfs, `${rootfs}.before`]);
          return { skip: false };
        },
        [post]: ({ rootfs, blob }) => {
          const markers = readLayer(gunzipSync(readFileSync(blob))).filter(({ name }) =>
            name.endsWith('/.wh..wh..opq'),
          );
          for (const { name } of markers) {
            const before = `${rootfs}.before/${dirname(name)}`;
            if (existsSync(before)) execFileSync('cp', ['-an', `${before}/.`, `${rootfs}/${dirname(name)}`]);
          }
          execFileSync('rm', ['-rf', `${rootfs}.before`]);
        },
      })),
    fails: [
      'an opaque directory hides lower files and keeps files of its layer, marker last',
      'an opaque directory hides lower files and keeps files of its layer, marker first',
      'an opaque directory that the layer does not list keeps its metadata',
      'an opaque directory of a lower layer does not hide files of higher layers',
    ],
    passes: [
      'a whiteout hides a file',
      'a whiteout hides a directory with its entries',
      'a directory that is hidden and listed again is a new directory',
    ],
  },
  {
    title: 'leaves a mount',
    driver: () =>
      wrong(() => ({
        [skip]: ({ bundle }) => {
          const place = mkdtempSync(join(dirname(bundle), 'left-'));
          execFileSync('mount', ['-t', 'tmpfs', 'left', place]);
          return { skip: false };
        },
      })),
    fails: [
      'failure: a bad entry at the end of a layer',
      'failure: a hook that fails after the bundle is assembled',
      'a whiteout without a name is refused: .wh.',
      'a removed bundle leaves nothing behind, and other bundles do not change',
    ],
    passes: [
      'an image of one layer',
      'a second unpack gives the same tree as the first',
      'repack: nothing changed',
    ],
  },
  {
    title: 'shares files between bundles',
    driver: () => keeper('-al'),
    fails: [
      'two bundles of one image do not see changes in the other',
      'changes in a bundle do not affect bundles created later',
    ],
    passes: ['an image of one layer', 'a second unpack gives the same tree as the first'],
  },
  {
    title: 'loses extended attributes in its store',
    driver: () => keeper('-r', '--preserve=mode,ownership,timestamps,links'),
    fails: ['a second unpack gives the same tree as the first'],
    passes: ['an image of one layer', 'refresh without later changes'],
  },
  {
    title: 'finds no deletions',
    driver: () => withDelta((changes) => changes.filter(({ kind }) => kind !== 'delete')),
    fails: [
      'repack: deleted files and directories',
      'repack: renamed files and directories',
      'refresh without later changes',
    ],
    passes: ['repack: added files and directories', 'repack: nothing changed', 'masked paths'],
  },
  {
    title: 'takes more for changed than is',
    driver: () => withDelta((changes) => [...changes, { path: 'f', kind: 'modify' }]),
    fails: ['repack: nothing changed', 'repack: deleted files and directories', 'refresh without changes'],
    passes: [
      'repack: changed content with another size, and with the same size and time',
      'repack: only metadata of files: mode, owner, time',
    ],
  },
];

function withDelta(change: (changes: Change[]) => Change[]): Driver {
  return wrong((right) => ({
    [delta]: async (context) => change((await right[delta]!(context)) as Change[]),
  }));
}

for (const { title, driver, fails, passes } of drivers) {
  test.serial(`the suite finds a driver that ${title}`, async (t) => {
    if (!requires(t, 'root', 'cp', 'mount')) return;
    const harness = { driver: driver(), scratch };
    const found: string[] = [];
    // those that pass first: what others do may spoil a wrong driver's store
    for (const name of [...passes, ...fails]) {
      const one = driverSuite.find((other) => other.name === name);
      if (!one) throw new Error(`case ${name} not found`);
      const outcome = await one.run(harness).catch((error: Error) => error);
      if (!outcome) continue;
      found.push(name);
      t.is(outcome.name, 'AssertionError');
      t.true(outcome.message.startsWith(`${name}\nexpected: ${one.rule} (${one.source})\nfound: `));
    }
    t.deepEqual(found, fails);
  });
}
