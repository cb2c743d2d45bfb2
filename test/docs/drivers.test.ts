import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProgressEvent, unpack } from '../../src/index.js';
import { driverSuite } from '../../src/testing/index.js';
import { run } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { TapReader } from '../helpers/tap.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

const [driverCode, suiteCode] = [
  ...readFileSync('docs/drivers.md', 'utf8').matchAll(/```js\n([\s\S]*?)```/g),
].map(([, code]) => code!);

rootTest('the driver of docs/drivers.md takes a whole image from its store the second time', async (t) => {
  const dir = tmpdir(t);
  const driver = join(dir, 'reflink-driver.mjs');
  writeFileSync(driver, driverCode!);
  linkPackage(dir);
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

rootTest('the driver of docs/drivers.md passes the suite as shown there', async (t) => {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'reflink-driver.mjs'), driverCode!);
  writeFileSync(join(dir, 'reflink-driver.test.mjs'), suiteCode!);
  linkPackage(dir);
  const args = ['--test', '--test-reporter=tap', 'reflink-driver.test.mjs'];
  const { stdout } = await run(process.execPath, args, { cwd: dir, env: { TMPDIR: dir } });
  const reader = new TapReader();
  for (const line of stdout.split('\n')) reader.line(line.trim());
  t.deepEqual(
    reader.tests.filter(({ outcome }) => outcome === 'failed').map(({ title }) => title),
    [],
  );
  t.is(reader.finish(0).passed, driverSuite.length, stdout);
});

function linkPackage(dir: string): void {
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(process.cwd(), join(dir, 'node_modules/layerhook'));
}
