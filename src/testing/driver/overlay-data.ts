import { isLayerhookError } from '../../errors/index.js';
import { type CaseWords, type Expected, expect, expectPaths, expectTree } from '../case.js';
import { dir, file } from '../entries.js';
import { LayerModel } from '../model.js';
import type { RawEntry } from '../tar.js';
import type { DriverCase } from './harness.js';
import { unpackOrRefuse } from './hostile.js';
import { driverCase } from './workshop.js';

interface OverlayDataCase extends Pick<CaseWords, 'name'> {
  layers: RawEntry[][];
  expect: Expected;
}

const source = 'Linux, Documentation/filesystems/overlayfs.rst: "Nesting overlayfs mounts"';
const lower = [dir('d'), file('d/a', 'a'), dir('d/sub'), file('d/sub/b'), file('f', 'f')];

/** Data with a meaning in overlayfs, but not in an image. */
const cases: OverlayDataCase[] = [
  {
    name: 'the xattr of an opaque directory',
    layers: [lower, [dir('d', { xattrs: overlayXattrs({ opaque: 'y' }) })]],
    expect: { 'd/a': {}, 'd/sub/b': {} },
  },
  {
    name: 'the xattr of a renamed directory',
    layers: [lower, [dir('x', { xattrs: overlayXattrs({ redirect: '/d' }) }), file('x/own')]],
    expect: { 'x/own': {}, 'x/a': null, 'd/a': {} },
  },
  {
    name: 'the xattrs of a metadata-only file',
    layers: [
      lower,
      [
        file('f', 'new', {
          xattrs: overlayXattrs({ metacopy: '', redirect: '/d/a' }),
        }),
      ],
    ],
    expect: { f: { size: 3 }, 'd/a': { size: 1 } },
  },
  {
    name: 'the xattr of a whiteout',
    layers: [
      lower,
      [
        dir('d', { xattrs: overlayXattrs({ opaque: 'x' }) }),
        file('d/a', '', { xattrs: overlayXattrs({ whiteout: 'y' }) }),
      ],
    ],
    expect: { 'd/a': { size: 0 }, 'd/sub/b': {} },
  },
];

/** Returns xattrs in both namespaces: the mount options of the overlay decide which namespace counts. */
function overlayXattrs(attributes: Record<string, string>): Record<string, string> {
  const rows = Object.entries(attributes);
  return Object.fromEntries(
    ['trusted', 'user'].flatMap((space) => rows.map(([name, value]) => [`${space}.overlay.${name}`, value])),
  );
}

function overlayDataCase({ name, layers, expect: expected }: OverlayDataCase): DriverCase {
  const rule = "the image is refused, or overlayfs' attributes in it are data that does not act";
  return driverCase({
    name: `overlay data: ${name}`,
    rule,
    source,
    run: async (workshop) => {
      const bundle = await unpackOrRefuse(workshop, layers);
      if (bundle === null) return;
      expectPaths(bundle.tree(), expected);
      expectTree(bundle.tree(), LayerModel.of(layers).tree(), (_, field) => field === 'xattrs');
    },
  });
}

const device = driverCase({
  name: 'overlay data: a character device 0:0',
  rule: 'the image is refused, or the device exists and does not hide files',
  source,
  run: async (workshop) => {
    const zero: RawEntry = { name: 'f', type: 'char', devMajor: 0, devMinor: 0 };
    const bundle = await unpackOrRefuse(workshop, [lower, [zero]]);
    if (bundle !== null) expectPaths(bundle.tree(), { f: { type: 'char', device: '0,0' } });
  },
});

const names = ['.wh.', '.wh...', 'd/.wh..'].map((name) =>
  driverCase({
    name: `a whiteout without a name is refused: ${name}`,
    rule: 'the layer is refused with LAYER_ENTRY and leaves nothing behind',
    source: 'umoci deletes the whole bundle on .wh... at the root',
    run: async (workshop) => {
      const bundle = workshop.path('bundle');
      const outcome = await workshop.unpack([lower, [file(name)]], { bundle }).catch((error) => error);
      expect(isLayerhookError(outcome, 'LAYER_ENTRY'), `unpacked, or failed otherwise: ${outcome}`);
      workshop.assertNothingLeft(bundle);
    },
  }),
);

export const overlayDataCases = [...cases.map(overlayDataCase), device, ...names];
