/** Random images, unpacked by each driver: the rootfs is that of the model, or the image is refused where the model refuses. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { expectTree } from '../../src/testing/case.js';
import { withWorkshop } from '../../src/testing/driver/workshop.js';
import type { RawEntry, Tree } from '../../src/testing/index.js';
import fc from '../helpers/properties.js';
import { anyLayers, modelTree, runsOf, seeds } from '../overlay/any-layers.js';
import { btrfs } from './btrfs/loop.js';

for (const driver of ['copy', 'overlay', 'erofs', 'btrfs']) {
  for (const seed of seeds) {
    test.serial(`any image equals the model: ${driver}, seed ${seed}`, async (t) => {
      const base = btrfs(t, { size: 2 ** 31 });
      if (base === null) return;
      const scratch = () => mkdtempSync(join(base, 'scratch-'));
      const harness = { driver, store: join(base, 'store'), scratch };
      const unpack = (layers: RawEntry[][]): Promise<Tree> =>
        withWorkshop(harness, async (workshop) => (await workshop.unpack(layers)).tree());
      const property = fc.asyncProperty(anyLayers(), async (layers) => {
        const expected = modelTree(layers);
        if (expected !== null) expectTree(await unpack(layers), expected);
        else {
          const error = await unpack(layers).then(
            () => 'unpacked',
            (refusal: unknown) => refusal,
          );
          if (!isLayerhookError(error, 'LAYER_ENTRY')) throw new Error(`not refused, but ${error}`);
        }
      });
      await fc.assert(property, { numRuns: runsOf(8), ...(seed !== undefined && { seed }) });
      t.pass();
    });
  }
}
