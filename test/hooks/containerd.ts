import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { type Finished, run } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';

export interface ContainerdOptions {
  env?: Record<string, string>;
  /** more of its config.toml; default: no CRI */
  config?: string;
}

/** What calls ctr(1) with one containerd. */
export type Ctr = (...args: string[]) => Promise<Finished>;

const withoutCri = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n';

/** A containerd of its own, with its own directories and socket, for as long as the test runs. */
export async function startContainerd(
  t: ExecutionContext<unknown>,
  { env = {}, config = withoutCri }: ContainerdOptions = {},
): Promise<Ctr> {
  const dir = tmpdir(t);
  const file = join(dir, 'config.toml');
  const socket = join(dir, 'containerd.sock');
  const log = join(dir, 'log');
  mkdirSync(join(dir, 'root'));
  writeFileSync(file, config);
  const output = openSync(log, 'w');
  const daemon = spawn(
    'containerd',
    ['--config', file, '--root', join(dir, 'root'), '--state', join(dir, 'state'), '--address', socket],
    { env: { ...process.env, ...env }, stdio: ['ignore', output, output] },
  );
  t.teardown(() => stop(daemon));
  const ctr: Ctr = (...args) => run('ctr', ['--address', socket, '--namespace', 'layerhook-test', ...args]);
  while ((await ctr('version')).status !== 0) {
    if (daemon.exitCode !== null) throw new Error(`containerd ended:\n${readFileSync(log, 'utf8')}`);
    await delay(100);
  }
  return ctr;
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
}
