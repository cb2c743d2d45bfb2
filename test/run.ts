/**
 * Runs the tests and ends with one line: `N passed, N failed`, and `, N skipped` if any were.
 *
 * Arguments are test files (`test/x.test.ts` or compiled); none means all of them. Exit status 1 if a test
 * failed, ava itself failed, or nothing passed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { TapReader, type TapTest } from './helpers/tap.js';

const ava = 'dist/test/helpers/ava.js';
const files = process.argv.slice(2).map((file) => file.replace(/^(\.\/)?(test\/.*)\.ts$/, 'dist/$2.js'));

const child = spawn(process.execPath, [ava, '--tap', ...files], {
  env: environment(),
  stdio: ['ignore', 'pipe', 'inherit'],
});
const closed = once(child, 'close');
const tap = new TapReader();
for await (const line of createInterface({ input: child.stdout })) {
  tap.line(line);
  console.log(line);
}
const [status] = (await closed) as [number | null];

const totals = tap.finish(status);
list('skipped', (test) => `${test.title}: ${test.reason}`);
list('failed', (test) => [test.title, ...test.details].join('\n  '));
if (tap.tests.length === 0) console.log('no tests ran');
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;

/**
 * Returns the environment without what makes the thousands of programs that tests start slower. Node reads
 * NODE_EXTRA_CA_CERTS at each start, which takes 40 ms of CPU; tests need no certificates. A `python3` that is a script of
 * pyenv takes 120 ms, the interpreter itself 20 ms.
 */
function environment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, PATH = '', ...rest } = process.env;
  const python = directoryOfPython();
  const isMissing = python !== null && !PATH.split(':').includes(python);
  return { ...rest, PATH: isMissing ? `${python}:${PATH}` : PATH };
}

/** Returns null without python3: the tests that need it are skipped. */
function directoryOfPython(): string | null {
  const script = 'import os, sys; print(os.path.realpath(sys.executable))';
  const { status, stdout } = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
  return status === 0 ? dirname(stdout.trim()) : null;
}

function list(outcome: TapTest['outcome'], show: (test: TapTest) => string): void {
  const tests = tap.tests.filter((test) => test.outcome === outcome);
  if (tests.length > 0) console.log(`\n${outcome}:\n${tests.map((test) => `  ${show(test)}`).join('\n')}`);
}
