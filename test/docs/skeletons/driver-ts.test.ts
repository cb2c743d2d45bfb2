import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { layerhook, succeed } from '../../helpers/cli.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { newSkeleton, nodeTest } from './try-skeleton.js';

/** driver-mjs.test.ts runs the whole suite with the same code. One case shows that hooks.toml and the test find it. */
test('hooks new --driver --lang ts writes, compiled, the driver that passes the suite', async (t) => {
  if (!requires(t, 'root')) return;
  const cwd = tmpdir(t);
  const directory = await newSkeleton(t, 'driver', 'ts', 20);
  await succeed(t, layerhook(['hooks', 'new', 'my-driver', '--driver', '--lang', 'mjs'], { cwd }));
  const code = (file: string) => readFileSync(file, 'utf8').replace(/\s+/g, ' ');
  t.is(code(join(directory, 'my-driver.js')), code(join(cwd, 'my-driver/my-driver.mjs')));
  const test = (file: string) => readFileSync(join(file, 'my-driver.test.mjs'), 'utf8');
  t.is(test(directory), test(join(cwd, 'my-driver')));
  const name = 'a second unpack gives the same tree as the first';
  const totals = await nodeTest(t, directory, [`--test-name-pattern=${name}`]);
  t.deepEqual([totals.passed, totals.failed], [1, 0]);
});
