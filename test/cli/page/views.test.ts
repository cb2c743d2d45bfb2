import test, { type ExecutionContext } from 'ava';
import { filterView } from '../../../src/cli/page/listing.js';
import { type Model, openModel } from '../../../src/cli/page/model.js';
import { openView, type ViewName } from '../../../src/cli/page/views.js';
import { diffImages } from '../../../src/engine/diff/diff.js';
import { inspectForPage } from '../../../src/engine/inspect/inspect-page.js';
import { type ChangeKind, changeKinds } from '../../../src/engine/inspect/page-data.js';
import { buildImage } from '../../helpers/image.js';
import fc from '../../helpers/properties.js';
import type { RawEntry } from '../../helpers/tar.js';
import { dir, file, hardlink } from '../../layer/apply/harness.js';
import { anyLayers, modelTree, runsOf } from '../../overlay/any-layers.js';

/** Random layers of an image that can be unpacked. */
const images = anyLayers().filter((layers) => modelTree(layers) !== null);
const all = { query: '', marks: [true, true, true, true] };

/** Opens the page of an image as the browser does: from its JSON. */
async function page(t: ExecutionContext, layers: RawEntry[][], against?: string) {
  const { reference } = buildImage(t, layers);
  const { image, data } = await inspectForPage({ image: reference, against });
  return { image, reference, model: openModel(JSON.parse(JSON.stringify(data))) };
}

function figures(model: Model, name: ViewName, layer: number) {
  const view = openView(model, name, layer);
  const { size } = filterView(model, view, all);
  const count = (kind: ChangeKind) =>
    view.mark.filter((mark) => mark === changeKinds.indexOf(kind) + 1).length;
  return {
    bytes: size[0]!,
    paths: view.isShown.filter((one) => one === 1).length,
    added: count('added'),
    changed: count('changed'),
    deleted: count('deleted'),
  };
}

test('the views of any image agree with the figures of inspect', async (t) => {
  const property = fc.asyncProperty(images, async (layers) => {
    const { image, model } = await page(t, layers);
    const last = layers.length - 1;
    const { bytes, paths } = figures(model, 'image', last);
    t.deepEqual({ bytes, paths }, { bytes: image.bytes, paths: image.paths });
    let wastes = 0;
    for (const [layer, { added, changed, deleted, ...expected }] of image.layers.entries()) {
      const found = figures(model, 'layer', layer);
      t.like(found, { added: added.count, changed: changed.count, deleted: deleted.count });
      wastes += expected.wastes;
      t.is(figures(model, 'wasted', layer).bytes, wastes);
    }
  });
  await fc.assert(property, { numRuns: runsOf(25) });
});

test('a layer counts the bytes that it brings, and of deleted files those that lose their last name', async (t) => {
  const { model } = await page(t, [
    [file('a', '1234'), hardlink('b', 'a'), file('c', '12'), dir('d'), file('d/e', '123456')],
    [file('.wh.a'), file('c', '123'), file('.wh.d')],
    [file('.wh.b'), hardlink('f', 'c')],
  ]);
  const bytes = (name: ViewName) => [0, 1, 2].map((layer) => figures(model, name, layer).bytes);
  t.deepEqual(bytes('layer'), [12, 3 + 6, 4]);
  t.deepEqual(bytes('image'), [12, 7, 3]);
  t.deepEqual(bytes('wasted'), [0, 2 + 6, 2 + 6 + 4]);
});

test('the difference of any two images is that of the command diff', async (t) => {
  const property = fc.asyncProperty(images, images, async (before, after) => {
    const other = buildImage(t, before).reference;
    const { model, reference } = await page(t, after, other);
    const { changes } = await diffImages({ before: other, after: reference, times: false });
    const expected = { added: 0, changed: 0, deleted: 0 };
    for (const { change } of changes) expected[change]++;
    t.like(figures(model, 'difference', 0), expected);
    t.is(model.differenceOf.size, changes.length);
  });
  await fc.assert(property, { numRuns: runsOf(15) });
});

test('paths are in the order of a walk, with the bytes of their names', async (t) => {
  const { model } = await page(t, [[file('b\xff/\xc3\xa4', 'x'), file('a-', 'x'), file('a/z', 'x')]]);
  t.deepEqual(model.names, ['', 'a', 'z', 'a-', 'b\udcff', 'ä']);
  t.deepEqual([...model.parent], [0, 0, 1, 0, 0, 4]);
  t.deepEqual([...model.end], [6, 3, 3, 4, 6, 6]);
});

test('a query finds names, and paths if it has a slash; what is in a found directory stays', async (t) => {
  const { model } = await page(t, [
    [file('usr/lib/one.so', '1'), file('usr/bin/lib', '12'), file('etc/x', '123')],
  ]);
  const view = openView(model, 'image', 0);
  const found = (query: string) => {
    const { isKept, hasHit, size, count } = filterView(model, view, { ...all, query });
    const names = (flags: Uint8Array) => model.names.filter((_, path) => flags[path] === 1).join(' ');
    return [names(isKept), names(hasHit), size[0], count[0]];
  };
  t.deepEqual(found('LIB'), [' usr bin lib lib one.so', ' usr bin', 3, 3]);
  t.deepEqual(found('/lib/o'), [' usr lib one.so', ' usr lib', 1, 1]);
  t.deepEqual(found('nothing'), ['', '', 0, 0]);
  t.deepEqual(found(' x '), [' etc x', ' etc', 3, 1]);
});
