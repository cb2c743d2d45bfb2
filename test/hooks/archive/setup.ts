import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { ContainerRecord } from '../../../hooks/archive/records.js';
import { tmpdir } from '../../helpers/tmp.js';
import { type Mounted, type MountedOptions, mounted } from '../../overlay/mounted.js';

export const script = resolve('dist/bundle/archive-overlay.cjs');
export const prefix = 'com.launchplatform.oci-hooks.archive-overlay';

/** Archives by name, each with the arguments that annotations give it. */
export type Wanted = Record<string, Record<string, string>>;

export function annotationsOf(wanted: Wanted): Record<string, string> {
  const rows = Object.entries(wanted).flatMap(([name, args]) =>
    Object.entries(args).map(([argument, value]) => [`${prefix}.${name}.${argument}`, value]),
  );
  return Object.fromEntries(rows) as Record<string, string>;
}

export interface HookRun {
  status: number;
  log: string;
}

/** Runs the hook as runtimes do: without an environment, in some directory; under strace or the like with `tracer`. */
export function runHook(args: string[], input: string, tracer: string[] = []): HookRun {
  const shell = `cd /proc && exec env -i "$0" "$@" 2>&1`;
  const [program, ...rest] = [...tracer, process.execPath, script, ...args] as [string, ...string[]];
  try {
    // the limit ends a hook that waits for a FIFO
    const options = { input, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' } as const;
    const log = execFileSync('sh', ['-c', shell, program, ...rest], options);
    return { status: 0, log };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    return { status, log: stdout };
  }
}

export interface Stopped extends Mounted {
  /** a directory for archives */
  out: string;
  bundle: string;
  state: string;
  /** Writes config.json, as at a start of the container. */
  start(wanted: Wanted): void;
  /** As {@link start}, then runs the hook. */
  stop(wanted: Wanted, ...args: string[]): HookRun;
  /** Runs the hook again, or another command of it. */
  again(...args: string[]): HookRun;
  /** Runs the hook again under a program such as strace. */
  traced(...tracer: string[]): HookRun;
  records(): ContainerRecord[];
}

/** A container that has stopped, with an overlay at /data of one layer. */
export function stopped(
  t: ExecutionContext<unknown>,
  fill: (at: (name: string) => string) => void,
  options: MountedOptions & { mount?: (dirs: Mounted) => object; volumes?: string[] } = {},
): Stopped {
  const overlay = mounted(t, [fill], options);
  const dir = tmpdir(t);
  const [bundle, out, stateDir] = ['bundle', 'out', 'state'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const made of [bundle, out]) mkdirSync(made);
  const state = JSON.stringify({ ociVersion: '1.0.2', id: 'box', status: 'stopped', pid: 0, bundle });
  const mount = options.mount?.(overlay) ?? { type: 'overlay', source: overlay.merged, options: [] };
  const mounts = [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/data', ...mount },
    ...(options.volumes ?? []).map((source) => ({
      destination: source,
      type: 'bind',
      source,
      options: ['rbind'],
    })),
  ];
  const withState = (args: string[]) => ['--state-dir', stateDir, ...args];
  const again = (...args: string[]) => runHook(withState(args), state);
  const traced = (...tracer: string[]) => runHook(withState([]), state, tracer);
  const start = (wanted: Wanted) => {
    const annotations = annotationsOf(wanted);
    writeFileSync(join(bundle, 'config.json'), JSON.stringify({ ociVersion: '1.0.2', annotations, mounts }));
  };
  const stop = (wanted: Wanted, ...args: string[]) => {
    start(wanted);
    return again(...args);
  };
  const containers = join(stateDir, 'containers');
  const records = () =>
    readdirSync(containers)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(containers, name), 'utf8')) as ContainerRecord);
  return { ...overlay, out, bundle, state, start, stop, again, traced, records };
}

/** The state of each archive by its name, of all records. */
export function statuses(records: ContainerRecord[]): Record<string, string> {
  const archives = records.flatMap((record) => Object.values(record.archives));
  return Object.fromEntries(archives.map(({ request, status }) => [request.name, status]));
}
