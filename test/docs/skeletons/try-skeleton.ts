import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { driverSuite } from '../../../src/testing/index.js';
import { layerhook, succeed } from '../../helpers/cli.js';
import { TapReader, type TapTotals } from '../../helpers/tap.js';
import { tmpdir } from '../../helpers/tmp.js';

/** The suite takes minutes on a busy machine. */
const patience = 900_000;

type Kind = 'driver' | 'hook';
type Language = 'sh' | 'py' | 'mjs' | 'ts';

/**
 * Writes a skeleton with `hooks new`, as a user does, and runs its own test, which must pass as a whole.
 *
 * @param most lines that the code may have
 */
export async function trySkeleton(
  t: ExecutionContext<unknown>,
  kind: Kind,
  lang: Language,
  most: number,
): Promise<void> {
  t.timeout(patience);
  const totals = await nodeTest(t, await newSkeleton(t, kind, lang, most));
  t.deepEqual([totals.passed, totals.failed], [kind === 'driver' ? driverSuite.length : 1, 0]);
}

/**
 * Writes a skeleton with `hooks new`, and compiles it if its language needs that.
 *
 * @param most lines that the code may have
 * @returns its directory
 */
export async function newSkeleton(
  t: ExecutionContext<unknown>,
  kind: Kind,
  lang: Language,
  most: number,
): Promise<string> {
  const cwd = tmpdir(t);
  const name = `my-${kind}`;
  await succeed(t, layerhook(['hooks', 'new', name, `--${kind}`, '--lang', lang], { cwd }));
  const directory = join(cwd, name);
  const code = readFileSync(join(directory, `${name}.${lang}`), 'utf8');
  t.true(code.trimEnd().split('\n').length <= most, `${name}.${lang} has at most ${most} lines`);
  if (lang === 'ts') await compile(directory);
  return directory;
}

/** Runs the tests of a directory with node's runner, and reports those that fail. */
export async function nodeTest(
  t: ExecutionContext<unknown>,
  cwd: string,
  options: string[] = [],
): Promise<TapTotals> {
  const args = ['--test', '--test-reporter=tap', ...options];
  const env = { TMPDIR: tmpdir(t) };
  const { status, stdout } = await program(process.execPath, args, { cwd, env });
  const reader = new TapReader();
  for (const line of stdout.split('\n')) reader.line(line.trim());
  const failed = reader.tests.filter(({ outcome }) => outcome === 'failed').map(({ title }) => title);
  t.deepEqual(failed, [], stdout.slice(0, 5000));
  return reader.finish(status);
}

/** Does what `npm install && npm test` do before the test, with the packages of this repository. */
async function compile(directory: string): Promise<void> {
  const modules = join(directory, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  for (const name of ['@types', '.bin/tsc']) symlinkSync(resolve('node_modules', name), join(modules, name));
  const { status, stdout } = await program(join(modules, '.bin/tsc'), [], { cwd: directory });
  if (status !== 0) throw new Error(stdout);
}

function program(
  file: string,
  args: string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<{ status: number | null; stdout: string }> {
  // a test of node's runner inside another one would report to that
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env;
  const options = { cwd, env: { ...rest, ...env }, maxBuffer: 2 ** 26, timeout: patience };
  return new Promise((done) => {
    execFile(file, args, options, (error, stdout) =>
      done({ status: error === null ? 0 : Number(error.code), stdout }),
    );
  });
}
