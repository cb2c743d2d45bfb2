import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ExecutionContext } from 'ava';

/** The entry file of the command, which `npm install` links to. */
export const mainFile = resolve(JSON.parse(readFileSync('package.json', 'utf8')).bin.layerhook);

export interface Finished {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** called when the process has started, for example to send it a signal */
  started?: (pid: number) => void | Promise<void>;
}

/** Runs a program to its end. Kills it before the test times out. */
export async function run(file: string, args: string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(file, args, {
    cwd: options.cwd ?? '/',
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 200_000,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      output[stream] += chunk;
    });
  }
  const started = child.pid === undefined ? undefined : options.started?.(child.pid);
  const [closed] = await Promise.all([once(child, 'close'), started]);
  const [status, signal] = closed as [number | null, NodeJS.Signals | null];
  return { status, signal, ...output };
}

/** Runs the layerhook command to its end, without the user's hooks.toml. */
export function layerhook(args: string[], options: RunOptions = {}): Promise<Finished> {
  const env = { XDG_CONFIG_HOME: '/nonexistent', ...options.env };
  return run(process.execPath, [mainFile, ...args], { ...options, env });
}

/** Requires that a run fails with one clear line on stderr: no stack trace, no internal error, nothing on stdout. */
export async function refused(
  t: ExecutionContext<unknown>,
  finished: Promise<Finished>,
  message: RegExp,
): Promise<void> {
  const { status, signal, stdout, stderr } = await finished;
  t.is(signal, null, stderr);
  t.true(status !== null && status > 0, `ended with ${status}`);
  t.is(stdout, '');
  t.regex(stderr, message);
  // warnings may precede the error
  t.regex(stderr, /^(?:\w+: warning: [^\n]*\n)*layerhook: [^\n]+; [^\n]+\n$/);
  t.notRegex(stderr, /internal error|see the cause|\bat .*\.js:\d/);
}

/** Runs a program that must succeed, and returns its stdout. */
export async function succeed(t: ExecutionContext<unknown>, finished: Promise<Finished>): Promise<string> {
  const { status, signal, stdout, stderr } = await finished;
  if (status !== 0) throw new Error(`ended with ${signal ?? status}:\n${stdout}${stderr}`);
  t.is(status, 0);
  return stdout;
}
