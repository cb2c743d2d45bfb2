/** Each example of `--help` runs as it stands, in a directory and on a machine that have what it names. */
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { commands } from '../../src/cli/commands/index.js';
import { listReference, programExamples } from '../../src/cli/reference/walk.js';
import { sha256 } from '../../src/testing/image.js';
import { startRegistry } from '../e2e/registry.js';
import { ownHome, runSteps } from '../helpers/own-machine.js';
import { requires } from '../helpers/requires.js';
import { checks } from './examples.js';
import { base, fixture, setUp } from './examples-fixture.js';

async function examples(): Promise<string[]> {
  const reference = await listReference(commands);
  return [...new Set([...programExamples, ...reference.flatMap(({ spec }) => spec?.examples ?? [])])];
}

test('each example is checked', async (t) => {
  t.deepEqual(Object.keys(checks).sort(), (await examples()).sort());
});

test('each example runs', async (t) => {
  if (!requires(t, 'root', 'docker-registry', 'skopeo', 'jq', 'runc', 'tar')) return;
  const registry = await startRegistry(t);
  const place = fixture(t);
  const debian = `docker://${registry.host}/library/debian:12`;
  const copy = ['copy', '--quiet', '--dest-tls-verify=false', `oci:${place}/image:base`, debian];
  execFileSync('skopeo', copy);
  const layer = sha256(base).replace('sha256:', '').slice(0, 12);
  const lines = await examples();
  const steps = lines.map((line) => {
    const { before, after, ending = (same: string) => same } = checks[line]!;
    return { before, after, line: ending(line).replace('0123456789ab', layer) };
  });
  const outputs = await runSteps(t, { setUp: setUp(place), steps, env: ownHome(t, registry.host) });
  const prints = (line: string) => checks[line]!.prints ?? /^$/;
  const odd = lines.flatMap((line, at) => (prints(line).test(outputs[at]!) ? [] : [[line, outputs[at]]]));
  t.deepEqual(odd, []);
});
