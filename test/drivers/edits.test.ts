/** Files changed in all ways that a container has, and repacked right after: nothing is lost, nothing else is packed. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { expect, expectTree } from '../../src/testing/case.js';
import type { DriverHarness } from '../../src/testing/driver/harness.js';
import { inSeconds, layerOf } from '../../src/testing/driver/repack-case.js';
import { type UnpackMore, type Workshop, withWorkshop } from '../../src/testing/driver/workshop.js';
import { type LayerEntry, LayerModel, type RawEntry, type Tree } from '../../src/testing/index.js';
import fc from '../helpers/properties.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { btrfs } from './btrfs/loop.js';
import { type Action, action, actionNames, Writer } from './writer.js';

const layers: RawEntry[][] = [
  [
    { name: 'a', content: 'aaa' },
    { name: 'b', content: 'b'.repeat(5000) },
    { name: 'd/', type: 'dir' },
    { name: 'd/c', content: 'c'.repeat(300_000) },
    { name: 'd/e', content: '' },
  ],
];

interface Setting {
  driver: string;
  /** default: a btrfs of its own */
  on?: 'tmpfs';
  mtree?: UnpackMore['mtree'];
  /** whether files stay open over a refresh */
  holds: boolean;
  /** names of actions that not every kernel has on the filesystem */
  mayLack?: string[];
}

const onTmpfs = ['zero', 'clone', 'chattr', 'acl'];
const settings: Setting[] = [
  { driver: 'copy', mtree: 'always', holds: true },
  { driver: 'copy', mtree: 'never', holds: true },
  // a refresh is refused while the bundle is in use
  { driver: 'overlay', holds: false },
  { driver: 'erofs', holds: false },
  { driver: 'btrfs', holds: true },
  { driver: 'copy', on: 'tmpfs', mtree: 'always', holds: false, mayLack: onTmpfs },
  { driver: 'overlay', on: 'tmpfs', holds: false, mayLack: onTmpfs },
  { driver: 'erofs', on: 'tmpfs', holds: false, mayLack: onTmpfs },
];

const eachOnce: Action[][] = [
  [
    ['write', 'b', 0, 'row'],
    ['write held', 'd/c', 1, 'x'],
    ['write and set back', 'd/c', 70_000, 'row'],
    ['map', 'b', 0, 'x', true],
    ['append', 'a', 'x'],
    ['truncate', 'd/c', 100_000],
    ['preallocate', 'a', 4096],
    ['grow', 'd/e', 1],
    ['punch', 'd/c', 0, 4096],
    ['zero', 'd/c', 4095, 4096],
    ['clone', 'd/c', 'b'],
    ['copy range', 'd/c', 'b', 4096],
    ['unnamed', 'a', 'x'],
    ['replace', 'a', 'row'],
    ['exchange', 'a', 'd/e'],
  ],
  [
    ['chmod', 'b', 0o600],
    ['chown', 'b', 1],
    ['chattr', 'd/c'],
    ['xattr', 'd/c', '1'],
    ['acl', 'd/c', 1],
    ['time', 'd/e', 1_000_000_000],
    ['sync', 'd/c'],
  ],
  [
    ['link', 'a', 'new'],
    ['remove', 'd/e'],
    ['rename', 'b', 'd/e'],
  ],
];

/** The second write to a mapped page that is still dirty stamps nothing: times stay what the refresh saw. */
const mappedTwice: Action[][] = ['1', '2', '3'].map((data) => [
  ['map', 'b', 0, data, false],
  ['map', 'd/c', 70_000, data, false],
]);

for (const { driver, on, mtree = 'never', holds, mayLack = [] } of settings) {
  test(`${driver}${on ? ` on ${on}` : ''}, mtree ${mtree}`, async (t) => {
    const harness = place(t, driver, on);
    if (harness === null) return;
    const done = new Set<string>();
    const rounds = fc.array(fc.array(action, { minLength: 1, maxLength: 20, size: 'max' }), {
      minLength: 3,
      maxLength: 3,
    });
    const property = fc.asyncProperty(rounds, (list) =>
      withWorkshop(harness, (workshop) => run(workshop, list)),
    );
    await fc.assert(property, { numRuns: 6, examples: [[mappedTwice], [eachOnce]] });
    t.deepEqual(
      actionNames.filter((name) => !done.has(name) && !mayLack.includes(name)),
      [],
    );

    async function run(workshop: Workshop, list: Action[][]): Promise<void> {
      const bundle = await workshop.unpack(layers, { mtree });
      const model = LayerModel.of(layers);
      const writer = new Writer(bundle.rootfs, done);
      try {
        for (const [round, actions] of list.entries()) {
          await writer.do(actions);
          const before = inSeconds(model.tree());
          // a repack finds it while files are open, and one that refreshes the bundle finds the same
          const layer = layerOf(bundle.image, await workshop.repack(bundle, { tag: `seen-${round}` }));
          if (!holds) await writer.release();
          await workshop.repack(bundle, { tag: `round-${round}`, refreshBundle: true });
          model.apply(layer);
          const now = inSeconds(bundle.tree());
          expectTree(inSeconds(model.tree()), now);
          if (driver !== 'copy' || mtree === 'always') expectNothingElse(layer, before, now);
        }
      } finally {
        writer.close();
      }
    }
  });
}

function place(t: ExecutionContext<unknown>, driver: string, on: Setting['on']): DriverHarness | null {
  if (!requires(t, 'root', 'python3')) return null;
  const directory = on === 'tmpfs' ? tmpdir(t) : btrfs(t);
  if (directory === null) return null;
  return { driver, store: join(directory, 'store'), scratch: () => mkdtempSync(join(directory, 'bundles-')) };
}

/** Hardlinks aside: all names of a group are packed if one has changed. */
function expectNothingElse(layer: LayerEntry[], before: Tree, now: Tree): void {
  for (const { name, type } of layer) {
    const [old, file] = [before.get(name), now.get(name)];
    if (type !== 'file' || old === undefined || old.links || file?.links) continue;
    expect(JSON.stringify(old) !== JSON.stringify(file), `${name} is in the layer, and did not change`);
  }
}
