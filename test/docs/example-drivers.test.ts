import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { type DriverHarness, driverSuite } from '../../src/testing/index.js';
import { scratchDirectories } from '../helpers/conformance.js';
import { requires } from '../helpers/requires.js';

const scratch = scratchDirectories();

/** A hooks.toml that has this program as its driver. */
function programDriver(name: string, file: string): Pick<DriverHarness, 'hooksFile'> {
  const home = scratch();
  const program = join(home, name);
  cpSync(`docs/examples/${file}`, program);
  chmodSync(program, 0o755);
  const hooksFile = join(home, 'hooks.toml');
  const env = `LAYERHOOK=${resolve('dist/bundle/main.cjs')}`;
  writeFileSync(hooksFile, `[driver]\nname = "${name}"\nexec = ["${program}"]\nenv = ["${env}"]\n`);
  return { hooksFile };
}

const examples: { file: string; lines: number; needs: string[]; choice: Partial<DriverHarness> }[] = [
  {
    ...{ file: 'squashfs-driver.sh', lines: 40, needs: ['tar2sqfs', 'jq'] },
    choice: { ...programDriver('squashfs', 'squashfs-driver.sh'), times: 'seconds' },
  },
  {
    ...{ file: 'tree-driver.py', lines: 30, needs: ['python3'] },
    choice: programDriver('tree', 'tree-driver.py'),
  },
  {
    ...{ file: 'reflink-driver.ts', lines: 20, needs: [] },
    choice: { driver: resolve('dist/docs/examples/reflink-driver.js') },
  },
];

for (const { file, lines, needs: programs, choice } of examples) {
  test(`${file} has at most ${lines} lines`, (t) => {
    t.true(readFileSync(`docs/examples/${file}`, 'utf8').trimEnd().split('\n').length <= lines);
  });
  const harness: DriverHarness = { ...choice, store: join(scratch(), 'store'), scratch };
  for (const { name, needs, run } of driverSuite) {
    test.serial(`${file}: ${name}`, async (t) => {
      if (!requires(t, ...needs, ...programs)) return;
      await run(harness);
      t.pass();
    });
  }
}
