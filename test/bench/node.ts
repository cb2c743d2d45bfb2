import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded } from '../helpers/at-work.js';
import { mainFile } from '../helpers/cli.js';
import { runContainerd } from '../helpers/containerd.js';
import { until } from '../helpers/until.js';

export const namespace = 'bench';

/** A containerd that has the layer store beside its own snapshotters. */
export interface Node {
  /** containerd's socket */
  socket: string;
  ctr(...args: string[]): void;
  /** what `ctr` runs */
  ctrCommand(...args: string[]): string[];
  /** of containerd */
  pid: number;
  stop(): Promise<void>;
}

/** Starts both daemons, with all that is theirs in a directory. */
export async function startNode(dir: string): Promise<Node> {
  const address = join(dir, 'snapshotter.sock');
  const daemon = await serve(address, join(dir, 'store'));
  mkdirSync(join(dir, 'containerd'));
  const config = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[proxy_plugins.layerhook]
  type = "snapshot"
  address = "${address}"
`;
  const containerd = await runContainerd(join(dir, 'containerd'), { config });
  const { socket, pid } = containerd;
  const ctrCommand = (...args: string[]) => ['ctr', '--address', socket, '--namespace', namespace, ...args];
  const ctr = (...args: string[]) => {
    const [file, ...rest] = ctrCommand(...args);
    execFileSync(file!, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const stop = async () => {
    await containerd.stop();
    await end(daemon);
  };
  return { socket, pid, ctr, ctrCommand, stop };
}

async function serve(address: string, store: string): Promise<ChildProcess> {
  const command = ['snapshotter', 'serve', '--address', address, '--store', store];
  const env = { ...process.env, XDG_CONFIG_HOME: '/nonexistent' };
  const daemon = spawn(process.execPath, [mainFile, ...command], { env, stdio: 'inherit' });
  await until('the snapshotter listens', () => {
    if (hasEnded(daemon)) throw new Error(`the snapshotter ended with ${daemon.exitCode}`);
    return existsSync(address);
  });
  return daemon;
}

async function end(daemon: ChildProcess): Promise<void> {
  if (hasEnded(daemon)) return;
  const ended = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  await ended;
}
