import { spawnSync } from 'node:child_process';

export interface RunResult {
  runtime: string;
  output: string;
  /** the runtime's complaint; undefined if the container ran */
  failure: string | undefined;
}

/**
 * Runs a bundle with the first OCI runtime that can; undefined if none is installed.
 *
 * @param state directory where the runtime may keep the container's state
 */
export function runBundle(bundle: string, state: string): RunResult | undefined {
  const runtimes = ['runc', 'crun'].filter((name) => spawnSync(name, ['--version']).status === 0);
  let result: RunResult | undefined;
  for (const runtime of runtimes) {
    const id = `layerhook-demo-${process.pid}`;
    const { status, stdout, stderr } = spawnSync(runtime, ['--root', state, 'run', '--bundle', bundle, id], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    const failure = status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `status ${status}`);
    result = { runtime, output: stdout.trimEnd(), failure };
    if (failure === undefined) return result;
  }
  return result;
}
