import { LayerModel } from '../../src/testing/model.js';
import type { Tree } from '../../src/testing/tree.js';
import fc from '../helpers/properties.js';
import type { RawEntry } from '../helpers/tar.js';
import { dir, file, hardlink, symlink } from '../layer/apply/harness.js';

/** How many images a property tries: `RUNS=5000` for a long run. */
export function runsOf(few: number): number {
  return Number(process.env.RUNS ?? few);
}

/** The seeds of one run: those of CI, or the one that FC_SEED names. */
export const seeds: readonly (number | undefined)[] = process.env.FC_SEED ? [undefined] : [325, 1, 2026];

/** Random layers over few names, so that they meet: links of both kinds, changes of type, whiteouts, missing parents. */
export function anyLayers(): fc.Arbitrary<RawEntry[][]> {
  return fc.array(fc.array(anyEntry(), { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 4 });
}

function anyEntry(): fc.Arbitrary<RawEntry> {
  const name = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
  const mtime = fc.integer({ min: 1, max: 3 });
  const xattrs = fc.constantFrom({}, { 'user.x': 'y' });
  const mode = fc.constantFrom(0o700, 0o2755, 0o4711);
  const described = fc.record({ mtime, xattrs, mode, uid: fc.constantFrom(0, 7) });
  const target = fc.oneof(
    path,
    path.map((to) => `/${to}`),
    path.map((to) => `../${to}`),
    fc.constantFrom('.', '/', '..', 'x'),
  );
  const [base, special] = [fc.constantFrom('', './', 'x/../'), fc.constantFrom('fifo', 'char', 'block')];
  return fc.oneof(
    { weight: 5, arbitrary: fc.tuple(path, path, base).map(([at, to, prefix]) => hardlink(at, prefix + to)) },
    { weight: 3, arbitrary: fc.tuple(path, target).map(([at, to]) => symlink(at, to)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(path, fc.constantFrom('', 'x', 'yy'), described, base)
        .map(([at, text, more, prefix]) => file(prefix + at, text, more)),
    },
    { weight: 2, arbitrary: fc.tuple(path, described).map(([at, more]) => dir(at, more)) },
    { weight: 2, arbitrary: path.map((at) => file(at.replace(/[^/]*$/, '.wh.$&'))) },
    path.map((at) => file(`${at}/.wh..wh..opq`)),
    fc.constant(file('.wh..wh..opq')),
    fc
      .tuple(path, special, described)
      .map(([at, type, more]) => ({ name: at, type, ...more, xattrs: {}, devMajor: 1, devMinor: 3 })),
    mtime.map((time) => dir('.', { mtime: time })),
  );
}

/** Returns the rootfs of layers by the model; null for layers without a result. */
export function modelTree(layers: RawEntry[][]): Tree | null {
  try {
    return LayerModel.of(layers).tree();
  } catch {
    return null;
  }
}
