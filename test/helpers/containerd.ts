import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { hasEnded } from './at-work.js';
import { type Finished, run } from './cli.js';
import { tmpdir } from './tmp.js';
import { until } from './until.js';

export interface ContainerdOptions {
  env?: Record<string, string>;
  /** more lines for config.toml; default: disables the CRI */
  config?: string;
}

/** A running containerd. */
export interface Containerd {
  socket: string;
  readonly pid: number;
  configFile: string;
  /** runs ctr(1) against this containerd */
  ctr: (...args: string[]) => Promise<Finished>;
  /** Stops it and starts it again with the same directories. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const withoutCri = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n';

/** Starts a containerd with its own directories and socket for the duration of a test. */
export async function startContainerd(
  t: ExecutionContext<unknown>,
  options?: ContainerdOptions,
): Promise<Containerd> {
  const containerd = await runContainerd(tmpdir(t), options);
  t.teardown(() => containerd.stop());
  return containerd;
}

/** Starts a containerd that keeps all its files in one directory. */
export async function runContainerd(
  dir: string,
  { env = {}, config = withoutCri }: ContainerdOptions = {},
): Promise<Containerd> {
  const file = join(dir, 'config.toml');
  const socket = join(dir, 'containerd.sock');
  const log = join(dir, 'log');
  mkdirSync(join(dir, 'root'));
  writeFileSync(file, config);
  const ctr = (...args: string[]) =>
    run('ctr', ['--address', socket, '--namespace', 'layerhook-test', ...args]);
  const start = async () => {
    const output = openSync(log, 'a');
    const daemon = spawn(
      'containerd',
      ['--config', file, '--root', join(dir, 'root'), '--state', join(dir, 'state'), '--address', socket],
      { env: { ...process.env, ...env }, stdio: ['ignore', output, output] },
    );
    closeSync(output);
    const answers = async () => {
      if (hasEnded(daemon)) throw new Error(`containerd ended:\n${readFileSync(log, 'utf8')}`);
      return (await ctr('version')).status === 0;
    };
    await until('containerd answers', answers, 100);
    return daemon;
  };
  let daemon = await start();
  const restart = async () => {
    await stop(daemon);
    daemon = await start();
  };
  return {
    ...{ socket, configFile: file, ctr, restart },
    stop: () => stop(daemon),
    get pid() {
      return daemon.pid!;
    },
  };
}

async function stop(daemon: ChildProcess): Promise<void> {
  if (hasEnded(daemon)) return;
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
}
