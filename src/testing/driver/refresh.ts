import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RepackResult } from '../../engine/repack/repack.js';
import { isLayerhookError } from '../../errors/index.js';
import { expect, expectTree } from '../case.js';
import { Edits } from '../edits.js';
import { dir, file } from '../entries.js';
import { expectEntries, inSeconds, layerOf } from './repack-case.js';
import { driverCase, type MadeBundle, type Workshop } from './workshop.js';

const layers = [
  [dir('d', { mtime: 5 }), file('d/a', 'aaa'), file('d/b', 'bbb'), file('f', 'f')],
  [file('d/c', 'c')],
];
const refresh = 'umoci repack --refresh-bundle: the bundle becomes a bundle of the new image';

function made(workshop: Workshop): Promise<MadeBundle> {
  return workshop.unpack(workshop.image(layers), { mtree: 'always' });
}

/** Checks that the image in the layout, unpacked, is the same as the bundle. */
async function expectPacked(workshop: Workshop, bundle: MadeBundle): Promise<void> {
  const again = await workshop.unpack(bundle.image);
  expectTree(inSeconds(again.tree()), inSeconds(bundle.tree()));
}

function expectNoLayer({ layer }: RepackResult, bundle: MadeBundle): void {
  expect(
    layer === null,
    `a layer of ${JSON.stringify(layerOf(bundle.image, { layer } as RepackResult).map(({ name }) => name))}`,
  );
}

export const refreshCases = [
  driverCase({
    name: 'repack twice, with changes in between',
    rule: 'without a refresh each layer holds all changes since the unpack',
    source: 'after umoci repack, the bundle is still a bundle of the old image',
    run: async (workshop) => {
      const bundle = await made(workshop);
      const edits = new Edits(bundle.rootfs);
      edits.write('f', 'one');
      edits.remove('d/a');
      const first = await workshop.repack(bundle, { tag: 'first' });
      edits.write('g', 'two');
      const second = await workshop.repack(bundle, { tag: 'latest' });
      expectEntries(layerOf(bundle.image, first), ['f', 'd/.wh.a']);
      expectEntries(layerOf(bundle.image, second), ['f', 'd/.wh.a', 'g']);
      await expectPacked(workshop, bundle);
    },
  }),
  driverCase({
    name: 'refresh without later changes',
    rule: 'without changes since a refresh, a repack adds no layer',
    source: refresh,
    run: async (workshop) => {
      const bundle = await made(workshop);
      const edits = new Edits(bundle.rootfs);
      edits.write('d/a', 'changed');
      edits.remove('d/b');
      edits.mkdir('new');
      const before = bundle.tree();
      const result = await workshop.repack(bundle, { refreshBundle: true });
      expectEntries(layerOf(bundle.image, result), ['d/a', 'd/.wh.b', 'new']);
      expectTree(inSeconds(bundle.tree()), inSeconds(before));
      expectNoLayer(await workshop.repack(bundle), bundle);
      await expectPacked(workshop, bundle);
    },
  }),
  driverCase({
    name: 'refresh with later changes',
    rule: 'the next layer holds only changes since the refresh',
    source: refresh,
    run: async (workshop) => {
      const bundle = await made(workshop);
      const edits = new Edits(bundle.rootfs);
      edits.write('d/a', 'changed');
      edits.write('new', 'new');
      edits.remove('d/b');
      await workshop.repack(bundle, { refreshBundle: true });
      edits.write('d/a', 'again!!');
      edits.remove('new');
      edits.write('d/b', 'back');
      edits.chmod('d/c', 0o600);
      const result = await workshop.repack(bundle, { refreshBundle: true });
      expectEntries(layerOf(bundle.image, result), ['d/a', '.wh.new', 'd/b', 'd/c']);
      await expectPacked(workshop, bundle);
    },
  }),
  driverCase({
    name: 'refresh again and again',
    rule: 'each layer holds the changes since the previous layer, and all layers together give the tree',
    source: refresh,
    run: async (workshop) => {
      const bundle = await made(workshop);
      const edits = new Edits(bundle.rootfs);
      for (let round = 0; round < 4; round++) {
        edits.write('f', 'f'.repeat(round + 2));
        edits.write(`round-${round}`, '');
        if (round > 0) edits.remove(`round-${round - 1}`);
        const result = await workshop.repack(bundle, { refreshBundle: true });
        const gone = round > 0 ? [`.wh.round-${round - 1}`] : [];
        expectEntries(layerOf(bundle.image, result), ['f', `round-${round}`, ...gone]);
      }
      await expectPacked(workshop, bundle);
    },
  }),
  driverCase({
    name: 'refresh without changes',
    rule: 'it succeeds without a new layer',
    source: refresh,
    run: async (workshop) => {
      const bundle = await made(workshop);
      expectNoLayer(await workshop.repack(bundle, { refreshBundle: true }), bundle);
      new Edits(bundle.rootfs).write('new', 'new');
      expectEntries(layerOf(bundle.image, await workshop.repack(bundle)), ['new']);
    },
  }),
  driverCase({
    name: 'refresh of one bundle leaves the other bundles of its image alone',
    rule: 'content that the refreshed bundle gives to a store does not change other bundles',
    source: refresh,
    run: async (workshop) => {
      const bundle = await made(workshop);
      const other = await workshop.unpack(bundle.image, { mtree: 'always' });
      const before = other.tree();
      new Edits(bundle.rootfs).write('f', 'mine');
      await workshop.repack(bundle, { tag: 'mine', refreshBundle: true });
      new Edits(bundle.rootfs).write('f', 'mine again');
      expectTree(other.tree(), before);
      expectNoLayer(await workshop.repack(other), other);
      await workshop.remove(bundle.bundle);
      expectTree(other.tree(), before);
    },
  }),
  driverCase({
    name: 'changes in a refreshed bundle do not change the image',
    rule: 'content that a refresh gives to a store becomes read-only',
    source: refresh,
    run: async (workshop) => {
      const bundle = await made(workshop);
      const edits = new Edits(bundle.rootfs);
      edits.write('new', 'packed');
      await workshop.repack(bundle, { refreshBundle: true });
      const packed = bundle.tree();
      edits.rewriteQuietly('new', 'spoilt');
      edits.remove('d');
      const again = await workshop.unpack(bundle.image);
      expectTree(inSeconds(again.tree()), inSeconds(packed));
    },
  }),
  driverCase({
    name: 'masked paths',
    rule: 'changes at and below a masked path are not in the layer, but stay in the bundle',
    source: 'umoci repack --mask-path',
    run: async (workshop) => {
      const bundle = await made(workshop);
      const edits = new Edits(bundle.rootfs);
      edits.write('d/a', 'masked');
      edits.write('d/new', 'masked');
      edits.remove('d/b');
      edits.write('f', 'packed');
      const result = await workshop.repack(bundle, { maskPaths: ['/d'] });
      expectEntries(layerOf(bundle.image, result), ['f']);
      expect(readFileSync(join(bundle.rootfs, 'd/a'), 'utf8') === 'masked', 'the masked file was changed');
    },
  }),
  driverCase({
    name: 'a file name with the form of a whiteout',
    rule: 'the repack is refused with LAYER_PATH, and the image does not change',
    source: 'image-spec layer.md, "Whiteouts": such names are reserved',
    run: async (workshop) => {
      const bundle = await made(workshop);
      new Edits(bundle.rootfs).write('d/.wh.a', '');
      const index = readFileSync(join(bundle.image.layout, 'index.json'), 'utf8');
      const outcome = await workshop.repack(bundle).catch((error) => error);
      expect(isLayerhookError(outcome, 'LAYER_PATH'), `repacked, or failed otherwise: ${outcome}`);
      expect(readFileSync(join(bundle.image.layout, 'index.json'), 'utf8') === index, 'the image changed');
    },
  }),
  driverCase({
    name: 'an abort in the middle of a repack',
    rule: 'image and bundle do not change, and the next repack is correct',
    source: 'repack tags the image last',
    run: async (workshop) => {
      const bundle = await made(workshop);
      new Edits(bundle.rootfs).write('new', 'new');
      const index = readFileSync(join(bundle.image.layout, 'index.json'), 'utf8');
      const stop = new AbortController();
      const onProgress = () => stop.abort();
      const options = { signal: stop.signal, onProgress, refreshBundle: true };
      const outcome = await workshop.repack(bundle, options).catch((error) => error);
      expect(isLayerhookError(outcome, 'ABORTED'), `repacked, or failed otherwise: ${outcome}`);
      expect(readFileSync(join(bundle.image.layout, 'index.json'), 'utf8') === index, 'the image changed');
      expectEntries(layerOf(bundle.image, await workshop.repack(bundle)), ['new']);
      await expectPacked(workshop, bundle);
    },
  }),
];
