import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type ProgressEvent, unpack } from '../../src/index.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

test('the driver of docs/drivers.md takes a whole image from its store the second time', async (t) => {
  if (!requires(t, 'root')) return;
  const dir = tmpdir(t);
  const code = /```js\n([\s\S]*?)```/.exec(readFileSync('docs/drivers.md', 'utf8'))![1]!;
  const driver = join(dir, 'reflink-driver.mjs');
  writeFileSync(driver, code);
  const image = buildImage(t, [
    [
      { name: 'etc', type: 'dir' },
      { name: 'etc/a', content: 'a' },
      { name: 'b', content: 'b' },
    ],
    [{ name: 'etc/.wh.a' }, { name: 'c', type: 'symlink', linkname: 'b' }],
  ]);
  const unpackTo = async (bundle: string) => {
    const skipped: number[] = [];
    const onProgress = (event: ProgressEvent) => {
      if (event.type === 'layer-skipped') skipped.push(event.index);
    };
    const driverOptions = { store: join(dir, 'store') };
    await unpack({ image: image.reference, bundle, driver, driverOptions, hooksFile: null, onProgress });
    return skipped;
  };
  t.deepEqual(await unpackTo(join(dir, 'first')), []);
  t.deepEqual(await unpackTo(join(dir, 'second')), [0, 1]);
  const [first, second] = ['first', 'second'].map((name) => treeOf(join(dir, name, 'rootfs')));
  t.deepEqual(diffTrees(first!, second!), []);
  t.deepEqual([...second!.keys()].sort(), ['.', 'b', 'c', 'etc']);
});
