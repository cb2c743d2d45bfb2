import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { driverSuite } from '../../../src/testing/index.js';
import { scratchDirectories } from '../../helpers/conformance.js';
import { requires } from '../../helpers/requires.js';
import { btrfsNeeds, kept, mountBtrfs, subvolumes } from './loop.js';

let unmount: (() => void) | undefined;
// before the directory that it is in is removed
test.after.always('unmount', () => unmount?.());
const directory = scratchDirectories()();
const mountpoint = join(directory, 'mnt');
const store = join(mountpoint, 'store');
const scratch = () => mkdtempSync(join(mountpoint, 'scratch-'));
const harness = { driver: 'btrfs', store, scratch };

for (const { name, needs, run } of driverSuite) {
  test.serial(name, async (t) => {
    if (!requires(t, ...needs, ...btrfsNeeds)) return;
    unmount ??= mountBtrfs(directory).unmount;
    await run(harness);
    t.pass();
  });
}

test.serial('all that the cases have left is whole layers', (t) => {
  if (!requires(t, ...btrfsNeeds)) return;
  const layers = kept(store).map((name) => `store/btrfs/${name}`);
  t.true(layers.length > 10);
  t.deepEqual(subvolumes(mountpoint), layers.sort());
  t.deepEqual(
    // those of an id map or of keep-dirlinks have a suffix
    layers.filter((path) => !/\/sha256-[0-9a-f]{64}(-[0-9a-f]{16})?$/.test(path)),
    [],
  );
});
