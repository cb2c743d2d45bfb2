import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { hasEnded } from './at-work.js';
import { type Finished, run } from './cli.js';
import { tmpdir } from './tmp.js';
import { until } from './until.js';

/**
 * Starts a dockerd with its own directories, without a network, for the duration of a test.
 *
 * @param options more options for dockerd
 * @returns runs docker(1) against this dockerd
 */
export async function startDocker(
  t: ExecutionContext,
  options: readonly string[] = [],
): Promise<(...args: string[]) => Promise<Finished>> {
  const dir = tmpdir(t);
  const socket = `unix://${join(dir, 'docker.sock')}`;
  const log = join(dir, 'log');
  const places = [
    '--data-root',
    join(dir, 'data'),
    '--exec-root',
    join(dir, 'exec'),
    '--pidfile',
    join(dir, 'pid'),
  ];
  const withoutNetwork = ['--bridge', 'none', '--iptables=false', '--ip6tables=false'];
  const args = [...places, ...withoutNetwork, '--storage-driver', 'vfs', '--host', socket, ...options];
  const output = openSync(log, 'w');
  const daemon = spawn('dockerd', args, { stdio: ['ignore', output, output] });
  closeSync(output);
  t.teardown(async () => {
    if (hasEnded(daemon)) return;
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
  });
  const docker = (...command: string[]) => run('docker', ['--host', socket, ...command]);
  const answers = async () => {
    if (hasEnded(daemon)) throw new Error(`dockerd ended:\n${readFileSync(log, 'utf8')}`);
    return (await docker('version')).status === 0;
  };
  await until('dockerd answers', answers, 200);
  return docker;
}
