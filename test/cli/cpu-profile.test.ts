import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { Profile } from 'pprof-format';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { fixture, run, runUmoci } from './run.js';

test('--cpu-profile FILE writes a profile of pprof, which go tool pprof reads', (t) => {
  const file = join(tmpdir(t), 'profile');
  const { status, stdout } = runUmoci(t, '--cpu-profile', file, 'busy');
  t.is(status, 0);
  t.is(stdout, 'computed\n');
  const profile = Profile.decode(gunzipSync(readFileSync(file)));
  const text = (index: number | bigint) => profile.stringTable.strings[Number(index)]!;
  t.deepEqual(
    profile.sampleType.map(({ type, unit }) => [text(type), text(unit)]),
    [
      ['samples', 'count'],
      ['cpu', 'nanoseconds'],
    ],
  );
  const functions = new Map(profile.function.map(({ id, name }) => [Number(id), text(name)]));
  const stacks = profile.sample.map(({ locationId }) => locationId.map((id) => functions.get(Number(id))));
  t.true(stacks.every((stack) => stack.at(-1) === '(root)'));
  t.true(
    stacks.some((stack) => stack.includes('execute')),
    'the command has samples',
  );
  const times = profile.sample.map(({ value }) => Number(value[1]));
  t.true(times.every((time) => time >= 0));
  if (!requires(t, 'go')) return;
  const { status: read, stdout: top } = spawnSync('go', ['tool', 'pprof', '-top', fixture, file], {
    encoding: 'utf8',
  });
  t.is(read, 0);
  t.regex(top, /Type: cpu[\s\S]* \(root\)/);
});

test('--cpu-profile FILE.cpuprofile writes a profile of V8, also if the command fails', (t) => {
  const file = join(tmpdir(t), 'x.cpuprofile');
  t.is(run('--cpu-profile', file, 'fail', 'known').status, 3);
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
  t.is(nodes[0].callFrame.functionName, '(root)');
  t.is(samples.length, timeDeltas.length);
});

test('a CPU profile that cannot be written stops the command before it starts', (t) => {
  const { status, stdout, stderr } = run('--cpu-profile', '/nonexistent/profile', 'lines');
  t.is(status, 3);
  t.is(stdout, '');
  t.regex(stderr, /^layerhook: cannot create \/nonexistent\/profile: no such file or directory[^\n]*\n$/);
});
