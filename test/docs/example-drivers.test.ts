import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { type DriverHarness, driverSuite } from '../../src/testing/index.js';
import { scratchDirectories } from '../helpers/conformance.js';
import { requires } from '../helpers/requires.js';

const example = 'docs/examples/squashfs-driver.sh';
const scratch = scratchDirectories();
const stages = {
  'unpack.ociv1.layer': ['try-skip', 'pre-extract', 'post-extract'],
  'unpack.ociv1.bundle': ['assemble'],
  'repack.ociv1.layer': ['delta-list'],
  'bundle.ociv1': ['mount', 'umount', 'remove'],
};

/** Writes a hooks.toml that has the example as its driver. */
function hooksToml(): string {
  const home = scratch();
  const program = join(home, 'squashfs-driver');
  cpSync(example, program);
  chmodSync(program, 0o755);
  const points = Object.entries(stages).flatMap(([stage, names]) => names.map((name) => `${stage}.${name}`));
  const env = `LAYERHOOK=${resolve('dist/bundle/main.cjs')}`;
  const lists = `points = ${JSON.stringify(points)}\nenv = ["${env}"]\n`;
  writeFileSync(join(home, 'hooks.toml'), `[driver]\nname = "squashfs"\nexec = ["${program}"]\n${lists}`);
  return join(home, 'hooks.toml');
}

test('the squashfs driver has at most 40 lines', (t) => {
  t.true(readFileSync(example, 'utf8').trimEnd().split('\n').length <= 40);
});

const harness: DriverHarness = {
  hooksFile: hooksToml(),
  store: join(scratch(), 'store'),
  times: 'seconds',
  scratch,
};
for (const { name, needs, run } of driverSuite) {
  test.serial(`squashfs-driver.sh: ${name}`, async (t) => {
    if (!requires(t, ...needs, 'tar2sqfs', 'jq')) return;
    await run(harness);
    t.pass();
  });
}
