import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { systemWords } from '../errors/fs-error.js';
import { lookUp } from '../inject/find-runtime.js';
import { fromText, toText } from '../system/bytes.js';
import { configError } from './error.js';
import type { EngineName, RuntimesFound } from './types.js';

/** The runtime that layerhook-runtime becomes. */
export interface LowLevel {
  /** name of the engine's runtime whose settings the new runtime gets; undefined for the engine's defaults */
  source: string | undefined;
  /** absolute path of its program */
  program: string;
  /** arguments before those of the engine */
  args: readonly string[];
}

/** Names of programs with the command line of runc. */
const common = ['runc', 'crun'];
/** Directory of CRI-O's packages for its runtimes, which is outside of PATH; https://github.com/cri-o/packaging. */
const crioPrograms = '/usr/libexec/crio';
/** PATH of a service without another; systemd.exec(5), "$PATH". */
const servicePath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';
/** Longest time for an answer of systemctl or of a runtime, in ms. */
const patience = 10_000;

/**
 * Finds the low-level runtime of an engine, and runs it once: the default runtime, or else runc or crun. A runtime of
 * another kind, such as kata, is skipped.
 *
 * @param found the engine's configuration, without the runtime that becomes configured
 * @param ours names of other runtimes that are layerhook-runtime
 * @param path path or name of another low-level runtime
 * @throws LayerhookError CTK_CONFIG, without a file, if the runtime cannot be executed
 */
export function findLowLevel(
  engine: EngineName,
  found: RuntimesFound,
  ours: readonly string[],
  path: string | undefined,
): LowLevel {
  const sources = sourcesOf(found).filter((name) => !ours.includes(name));
  if (path !== undefined) {
    const program = search(engine, [path], 'the low-level runtime cannot be executed');
    return { source: sources[0], program: program ?? failAsItself(path), args: [] };
  }
  for (const name of sources) {
    const { path: named, args = [] } = found.runtimes.get(name) ?? {};
    const program = search(engine, [named ?? name], `its runtime ${name} cannot be executed`);
    if (program !== undefined) return { source: name, program, args };
  }
  const program = search(engine, common, 'it names no runtime with the command line of runc');
  return { source: undefined, program: program ?? failAsItself(common.join(' and ')), args: [] };
}

/** Returns the names of the runtimes that layerhook-runtime can become, the best first. */
export function sourcesOf({ runtimes, defaultRuntime }: RuntimesFound): string[] {
  const named = common.filter((name) => runtimes.has(name));
  const names = new Set(defaultRuntime === undefined ? named : [defaultRuntime, ...named]);
  return [...names].filter((name) => runtimes.get(name)?.foreign === undefined);
}

function failAsItself(path: string): never {
  throw configError('', `${path}: layerhook-runtime itself cannot be its low-level runtime`);
}

/** Returns the first program that exists; undefined if it is layerhook-runtime itself. */
function search(engine: EngineName, names: readonly string[], complaint: string): string | undefined {
  const path = names.every((name) => name.includes('/')) ? '' : searchPath(engine);
  const found = names.map((name) => lookUp(fromText(name), fromText(path)));
  const usable = found.find((each) => 'program' in each);
  if (usable !== undefined) return runOnce(toText(usable.program) ?? usable.program, complaint);
  if (found.every((each) => 'isItself' in each && each.isItself)) return undefined;
  const reasons = found.map((each) => ('reason' in each ? each.reason : ''));
  throw configError('', `${complaint}: ${reasons.join(', ')}; --runtime-path names another`);
}

function runOnce(program: string, complaint: string): string {
  const { error, status, signal, stderr } = spawnSync(program, ['--version'], {
    ...{ encoding: 'utf8', timeout: patience, killSignal: 'SIGKILL' },
    ...{ stdio: ['ignore', 'ignore', 'pipe'] },
  });
  if (error === undefined && status === 0) return program;
  const [line = ''] = stderr?.trim().split('\n') ?? [];
  const reason = error ? systemWords(error) : line || `it ended with ${signal ?? `status ${status}`}`;
  throw configError('', `${complaint}: ${program} --version failed: ${reason}; --runtime-path names another`);
}

/** Returns the PATH of the engine's service: of its process if it runs, else that of its unit. */
function searchPath(engine: EngineName): string {
  const { stdout } = spawnSync(
    'systemctl',
    ['show', '-p', 'MainPID', '-p', 'Environment', `${engine}.service`],
    {
      ...{ encoding: 'utf8', timeout: patience, stdio: ['ignore', 'pipe', 'ignore'] },
    },
  );
  const [, pid = '0'] = /^MainPID=(\d+)$/m.exec(stdout ?? '') ?? [];
  const [, unit] = /^Environment=(?:.* )?"?PATH=([^\s"]+)/m.exec(stdout ?? '') ?? [];
  const path = pathOf(pid) ?? unit ?? servicePath;
  return engine === 'crio' ? `${path}:${crioPrograms}` : path;
}

function pathOf(pid: string): string | undefined {
  if (pid === '0') return undefined;
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return entries.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length);
  } catch {
    return undefined;
  }
}
