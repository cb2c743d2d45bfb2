/** Random images, flattened and squashed from each layer: the rootfs stays that of the model. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isLayerhookError } from '../../../src/errors/index.js';
import { expectTree } from '../../../src/testing/case.js';
import { withWorkshop } from '../../../src/testing/driver/workshop.js';
import { LayerModel } from '../../../src/testing/model.js';
import fc from '../../helpers/properties.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { anyLayers, modelTree, runsOf, seeds } from '../../overlay/any-layers.js';
import { allSquashed } from './squashed.js';

for (const seed of seeds) {
  const seeded = seed !== undefined && { seed };

  test.serial(`any image means the same when it is flattened or squashed, seed ${seed}`, async (t) => {
    const base = tmpdir(t);
    const property = fc.asyncProperty(anyLayers(), async (layers) => {
      const layout = join(mkdtempSync(join(base, 'image-')), 'layout');
      const expected = modelTree(layers);
      const made = await allSquashed(layout, layers).catch((error: unknown) => {
        if (expected === null && isLayerhookError(error, 'LAYER_ENTRY')) return [];
        throw error;
      });
      if (expected === null && made.length > 0) throw new Error('not refused');
      for (const { tars } of made) expectTree(LayerModel.of(tars).tree(), expected!);
    });
    await fc.assert(property, { numRuns: runsOf(60), ...seeded });
    t.pass();
  });

  for (const driver of ['copy', 'overlay']) {
    rootTest.serial(
      `any image unpacks to the same when it is squashed: ${driver}, seed ${seed}`,
      async (t) => {
        const base = tmpdir(t);
        const scratch = () => mkdtempSync(join(base, 'scratch-'));
        const harness = { driver, store: join(base, 'store'), scratch };
        const layers = anyLayers().filter((given) => modelTree(given) !== null);
        const property = fc.asyncProperty(layers, async (given) => {
          const [flat, , upper] = await allSquashed(join(scratch(), 'layout'), given);
          for (const { tars } of [flat!, upper!])
            await withWorkshop(harness, async (workshop) => {
              expectTree((await workshop.unpack(tars)).tree(), modelTree(given)!);
            });
        });
        await fc.assert(property, { numRuns: runsOf(4), ...seeded });
        t.pass();
      },
    );
  }
}
