import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { DoctorFinding } from '../../src/engine/doctor/finding.js';
import { mainFile } from '../helpers/cli.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

const env = { XDG_CONFIG_HOME: '/nonexistent' };

test('each finding that is not ok has a cost and a remedy', (t) => {
  const { stdout, stderr } = runFile(mainFile, ['doctor', '--json', '--store', join(tmpdir(t), 'store')], {
    ...env,
    PATH: '/nonexistent',
  });
  t.is(stderr.replace(/^layerhook: warning: layer store not found at .*\n/, ''), '');
  const findings = JSON.parse(stdout) as DoctorFinding[];
  const stateOf = (name: string) => findings.find((each) => each.name === name)?.state;
  t.is(stateOf('skopeo'), 'missing', 'PATH has no program');
  t.is(stateOf('layer store'), 'ok', 'a store may be missing');
  t.is(findings.find(({ name }) => name === 'node')?.found, process.version);
  for (const { state, name, cost, remedy } of findings) {
    t.is(state === 'ok', cost === undefined && remedy === undefined, name);
    if (state !== 'ok') t.true(cost!.length > 10 && remedy!.length > 5, name);
  }
});

rootTest('root on a machine with all peers gets overlays by the kernel, runtimes and engines', (t) => {
  const { status, stdout } = runFile(mainFile, ['doctor', '--store', join(tmpdir(t), 'store')], env);
  t.is(status, 0);
  t.regex(stdout, /^ok +overlayfs +mounted by the kernel$/m);
  t.regex(stdout, /^ok +zstd /m);
});

test('a file in the place of the store is broken, and the exit status says so', (t) => {
  const file = join(tmpdir(t), 'store');
  writeFileSync(file, '');
  const { status, stdout } = runFile(mainFile, ['doctor', '--store', file], env);
  t.is(status, 1);
  t.regex(stdout, /^broken +layer store +.*store/m);
  t.regex(stdout, /the drivers overlay, erofs and btrfs cannot be used\n +→ /);
});
