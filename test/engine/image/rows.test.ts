import test from 'ava';
import { changeRow, diffImages, inspectImage, inspectJson, listFiles } from '../../../src/index.js';
import { file } from '../../../src/testing/entries.js';
import { buildImage } from '../../helpers/image.js';

// the compiler checks the types of the fields
test('the rows for JSON have exact types', async (t) => {
  const one = buildImage(t, [[file('a', 'a')]]).reference;
  const two = buildImage(t, [[file('a', 'a')], [file('b', 'bb')]]).reference;
  const [row] = [...(await listFiles({ image: one }, undefined))].filter(({ type }) => type === 'file');
  t.deepEqual([row?.path, row?.size, row?.layer], ['a', 1, 0]);
  for await (const { path, offset } of await listFiles({ image: one }, '0'))
    t.deepEqual([path, typeof offset], ['a', 'number']);
  const difference = await diffImages({ before: one, after: two, times: false });
  const changes = difference.changes.map((change) => changeRow(difference, change));
  t.deepEqual(
    changes.map(({ path, change, after }) => [path, change, after?.layer]),
    [['b', 'added', 1]],
  );
  const { largestFiles, failed } = inspectJson(await inspectImage({ image: two }), { lowestEfficiency: 1 });
  t.deepEqual([largestFiles[0]?.path, largestFiles[0]?.bytes, failed], ['b', 2, []]);
});
