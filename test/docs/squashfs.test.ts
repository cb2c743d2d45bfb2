import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { driverSuite } from '../../src/testing/index.js';
import { scratchDirectories } from '../helpers/conformance.js';
import { requires } from '../helpers/requires.js';

const example = 'docs/examples/squashfs-driver.sh';
const scratch = scratchDirectories();
const home = scratch();
const program = join(home, 'squashfs-driver');
const hooksFile = join(home, 'hooks.toml');
cpSync(example, program);
chmodSync(program, 0o755);
writeFileSync(
  hooksFile,
  `mtree = "never"
[driver]
name = "squashfs"
exec = ["${program}"]
env = ["LAYERHOOK=${resolve('dist/bundle/main.cjs')}"]
`,
);
const harness = { hooksFile, store: join(scratch(), 'store'), scratch, times: 'seconds' } as const;

test('the squashfs driver has at most 40 lines', (t) => {
  t.true(readFileSync(example, 'utf8').trimEnd().split('\n').length <= 40);
});

for (const { name, needs, run } of driverSuite) {
  test.serial(name, async (t) => {
    if (!requires(t, ...needs, 'tar2sqfs', 'jq')) return;
    await run(harness);
    t.pass();
  });
}
