import { isLayerhookError } from '../../src/errors/index.js';
import { dir, file, hardlink, symlink } from '../../src/testing/entries.js';
import { LayerModel } from '../../src/testing/model.js';
import fc from '../helpers/properties.js';
import { rootTest } from '../helpers/root-test.js';
import type { RawEntry } from '../helpers/tar.js';
import { diffTrees } from '../helpers/tree.js';
import { images } from './harness.js';

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const modes = fc.constantFrom(0o700, 0o755);
const content = fc.string({ maxLength: 2, unit: fc.constantFrom('x', 'y') });
const targets = fc.constantFrom('a', '/a', '/b', '../b', '..', 'c/a', '/');
const entry: fc.Arbitrary<RawEntry> = fc.oneof(
  { arbitrary: fc.tuple(path, modes).map(([at, mode]) => dir(at, { mode })), weight: 3 },
  { arbitrary: fc.tuple(path, content).map(([at, text]) => file(at, text)), weight: 3 },
  fc.tuple(path, targets).map(([at, to]) => symlink(at, to)),
  fc.tuple(path, path).map(([at, to]) => hardlink(at, to)),
  { arbitrary: path.map((at) => file(at.replace(/[^/]*$/, '.wh.$&'))), weight: 2 },
  path.map((at) => file(`${at}/.wh..wh..opq`)),
  fc.constant(file('.wh..wh..opq')),
  fc.constant(dir('.', { mode: 0o711 })),
);
/** Without hardlinks that a later entry replaces: the model makes a waiting link in that case, too. */
const layer = fc.array(entry, { minLength: 1, maxLength: 7 }).map((entries) =>
  entries.filter(({ type, name }, at) => {
    const later = entries.slice(at + 1);
    const replaces = (other: RawEntry) => within(other.name, name) || within(name, other.name);
    return type !== 'hardlink' || !later.some(replaces);
  }),
);

const within = (path: string, directory: string) => `${path}/`.startsWith(`${directory}/`);

rootTest('a mount of the images shows what the layers mean', async (t) => {
  t.timeout(600_000);
  await fc.assert(
    fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), async (layers) => {
      const wanted = modelOf(layers);
      if (wanted === null) return;
      try {
        await using made = await images(t, layers);
        const differences = diffTrees(made.tree(), wanted);
        if (differences.length > 0) throw new Error(differences.join('\n'));
      } catch (error) {
        // the model links directories
        if (
          !/is a hardlink to (a directory|itself|a file in)/.test(
            isLayerhookError(error) ? error.message : '',
          )
        )
          throw error;
      }
    }),
    { numRuns: Number(process.env.RUNS ?? 100) },
  );
  t.pass();
});

/** Returns null for layers that the model does not accept: loops of symlinks, links to nothing. */
function modelOf(layers: RawEntry[][]) {
  try {
    return LayerModel.of(layers).tree();
  } catch {
    return null;
  }
}
