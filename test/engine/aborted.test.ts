/** Operations with a signal that is aborted already: each rejects, and changes nothing. */

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  addImagesToIndex,
  addLayer,
  compareTrees,
  configureImage,
  copyImage,
  diffImages,
  exportImage,
  flattenImage,
  fromText,
  importImage,
  insertLayer,
  inspectImage,
  LayerhookError,
  listFiles,
  mountBundle,
  readImageFile,
  readImageTree,
  rebaseImage,
  removeBundle,
  removeImagesFromIndex,
  repack,
  squashImage,
  unmountBundle,
  unpack,
  unpackRootfs,
  validate,
} from '../../src/index.js';
import { upperdirChanges } from '../../src/overlay/index.js';
import { dir, file } from '../../src/testing/entries.js';
import { tar } from '../../src/testing/tar.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const namesIn = (path: string) => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
const drained = async (items: AsyncIterable<unknown>) => {
  for await (const _ of items);
};

rootTest('an operation with a signal that is aborted rejects, and changes nothing', async (t) => {
  const place = tmpdir(t);
  const { layout, reference: image } = buildImage(t, [[dir('d'), file('d/a', 'a')]]);
  const bundle = join(place, 'bundle');
  await unpack({ image, bundle });
  await addImagesToIndex({ image: `${layout}:multi`, images: [image] });
  const [upper, rootfs] = [join(place, 'upper'), join(bundle, 'rootfs')];
  mkdirSync(upper);
  const signal = AbortSignal.abort();
  const tarOf = () => Readable.from([tar([file('b')])]);
  const operations: Record<string, () => Promise<unknown>> = {
    addImagesToIndex: () => addImagesToIndex({ image: `${layout}:multi`, images: [image], signal }),
    addLayer: () => addLayer({ image, tar: tarOf(), name: 'b', signal }),
    compareTrees: () => compareTrees(upper, rootfs, { signal }),
    configureImage: () => configureImage({ image, change: {}, signal }),
    copyImage: () => copyImage({ source: image, target: join(place, 'copy'), signal }),
    diffImages: () => diffImages({ before: image, after: bundle, times: false, signal }),
    exportImage: () => drained(exportImage({ image, signal })),
    flattenImage: () => flattenImage({ image, tag: 'flat', signal }),
    importImage: () => importImage({ image: `${layout}:new`, tar: tarOf(), name: 'b', signal }),
    inspectImage: () => inspectImage({ image, signal }),
    insertLayer: () => insertLayer({ image, source: upper, target: '/upper', signal }),
    listFiles: () => listFiles({ image, signal }, undefined),
    mountBundle: () => mountBundle({ bundle, signal }),
    readImageFile: () => readImageFile({ image, path: fromText('d/a'), maxBytes: 100, signal }),
    readImageTree: () => readImageTree({ image, signal }),
    rebaseImage: () => rebaseImage({ image, oldBase: image, newBase: image, tag: 'rebased', signal }),
    removeBundle: () => removeBundle({ bundle, signal }),
    removeImagesFromIndex: () =>
      removeImagesFromIndex({
        image: `${layout}:multi`,
        which: [{ os: 'linux', architecture: 'amd64' }],
        signal,
      }),
    repack: () => repack({ image: `${layout}:new`, bundle, signal }),
    squashImage: () => squashImage({ image, from: 0, tag: 'squashed', signal }),
    unmountBundle: () => unmountBundle({ bundle, signal }),
    unpack: () => unpack({ image, bundle: join(place, 'other'), signal }),
    unpackRootfs: () => unpackRootfs({ image, rootfs: join(place, 'rootfs'), signal }),
    upperdirChanges: () => upperdirChanges({ upperdir: upper, lowerdirs: [rootfs], signal }),
    validate: () => drained(validate({ what: layout, signal })),
  };
  const before = [...namesIn(place), ...namesIn(layout)];
  for (const [name, operation] of Object.entries(operations)) {
    const error = await t.throwsAsync(operation, { instanceOf: LayerhookError }, name);
    t.is(error?.code, 'ABORTED', name);
  }
  t.deepEqual([...namesIn(place), ...namesIn(layout)], before);
});
