import { spawn, spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { hasEnded } from '../helpers/at-work.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';

export const fixture = join(dirname(fileURLToPath(import.meta.url)), 'fixture.js');

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the fixture's command line under the name of `layerhook`. */
export function run(...args: string[]): Outcome {
  return runFile(fixture, args);
}

/** Runs it under the name of `umoci`: through a symlink, as users install it. */
export function runUmoci(t: ExecutionContext, ...args: string[]): Outcome {
  const link = join(tmpdir(t), 'umoci');
  symlinkSync(fixture, link);
  return runFile(link, args);
}

export function runFile(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', DEBUG: '', ...env },
  });
  return { status, stdout, stderr };
}

/** Starts the fixture and waits for its first output. */
export async function start(...args: string[]) {
  const child = spawn(process.execPath, [fixture, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  const said = async (text: string) => {
    await until(`the command prints ${text}`, () => stdout.endsWith(text) || hasEnded(child));
  };
  const ended = new Promise<Outcome & { signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  await said('\n');
  return { child, said, ended };
}
