import test from 'ava';
import { layOut } from '../../../src/cli/page/cells.js';
import { filterView } from '../../../src/cli/page/listing.js';
import { openModel } from '../../../src/cli/page/model.js';
import { type Box, squarify } from '../../../src/cli/page/squarify.js';
import { openView } from '../../../src/cli/page/views.js';
import { inspectForPage } from '../../../src/engine/inspect/inspect-page.js';
import { buildImage } from '../../helpers/image.js';
import fc from '../../helpers/properties.js';
import { file } from '../../layer/apply/harness.js';

const box: Box = { x: 10, y: 20, width: 300, height: 200 };

test('boxes have the areas of their sizes, fill the box and stay within it', (t) => {
  const sizes = fc
    .array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 60 })
    .map((all) => all.sort((a, b) => b - a));
  fc.assert(
    fc.property(sizes, (sizes) => {
      const boxes = squarify(sizes, box);
      const total = sizes.reduce((sum, size) => sum + size, 0);
      for (const [at, { x, y, width, height }] of boxes.entries()) {
        const expected = (sizes[at]! / total) * box.width * box.height;
        if (Math.abs(width * height - expected) > 1e-6)
          throw new Error(`area ${width * height}, not ${expected}`);
        if (x < box.x - 1e-6 || x + width > box.x + box.width + 1e-6) throw new Error('outside');
        if (y < box.y - 1e-6 || y + height > box.y + box.height + 1e-6) throw new Error('outside');
      }
      for (const [at, a] of boxes.entries())
        for (const b of boxes.slice(at + 1)) if (overlap(a, b)) throw new Error('overlap');
    }),
  );
  t.pass();
});

test('equal sizes give squares if they fit', (t) => {
  const boxes = squarify([1, 1, 1, 1, 1, 1], { x: 0, y: 0, width: 300, height: 200 });
  t.true(boxes.every(({ width, height }) => Math.abs(width - 100) < 1e-6 && Math.abs(height - 100) < 1e-6));
});

test('a treemap has few cells, and each lies within the frame of its directory', async (t) => {
  const many = Array.from({ length: 3000 }, (_, at) =>
    file(`d${at % 7}/e${at % 50}/${at}`, 'x'.repeat(at % 90)),
  );
  const { reference } = buildImage(t, [[...many, file('large', 'x'.repeat(30_000))]]);
  const model = openModel((await inspectForPage({ image: reference })).data);
  const view = openView(model, 'image', 0);
  const listing = filterView(model, view, { query: '', marks: [true, true, true, true] });
  const cells = layOut(model, listing, 0, box);
  t.true(cells.length > 50 && cells.length <= 600, String(cells.length));
  t.is(model.names[cells[0]!.path], 'large');
  for (const cell of cells.filter(({ level }) => level > 0)) {
    const frame = cells.find(({ path }) => path === model.parent[cell.path])!;
    t.true(frame.isFrame && frame.level === cell.level - 1);
    t.true(cell.x >= frame.x && cell.y > frame.y);
    t.true(cell.x + cell.width <= frame.x + frame.width && cell.y + cell.height <= frame.y + frame.height);
  }
});

function overlap(a: Box, b: Box): boolean {
  const tiny = 1e-6;
  return (
    a.x + a.width > b.x + tiny &&
    b.x + b.width > a.x + tiny &&
    a.y + a.height > b.y + tiny &&
    b.y + b.height > a.y + tiny
  );
}
