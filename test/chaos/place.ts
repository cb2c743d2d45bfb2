import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { mainFile } from '../helpers/cli.js';

/** Where a scenario works: one directory, always the same path. */
export interface Place {
  root: string;
  layout: string;
  bundle: string;
  store: string;
}

export function placeAt(root: string): Place {
  return { root, layout: join(root, 'layout'), bundle: join(root, 'b'), store: join(root, 'store') };
}

/** A program with its arguments. */
export interface Command {
  argv: string[];
  input?: string;
  cwd?: string;
  /** True if the program takes the words of a tracer as its last arguments, and starts under them what is traced. */
  tracesChild?: boolean;
}

/** A layerhook command. */
export function lh(...args: string[]): Command {
  return { argv: [process.execPath, mainFile, ...args] };
}

/** Runs a command to its end. A limit ends one that hangs, by SIGALRM or SIGKILL. */
export function runIn(
  place: Place,
  { argv, input, cwd = '/', tracesChild = false }: Command,
  { tracer = [], seconds = 300 }: { tracer?: string[]; seconds?: number } = {},
): SpawnSyncReturns<string> {
  const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
  const env = {
    ...rest,
    LAYERHOOK_STORE: place.store,
    XDG_CONFIG_HOME: '/nonexistent',
    NO_COLOR: '1',
    SOURCE_DATE_EPOCH: '1600000000',
    // one thread does the calls of node's pool, so that they have the same order in each run
    UV_THREADPOOL_SIZE: '1',
  };
  const [file, ...args] = (tracesChild ? [...argv, ...tracer] : [...tracer, ...argv]) as [
    string,
    ...string[],
  ];
  const timeout = seconds * 1000;
  return spawnSync(file, args, {
    ...{ cwd, env, input: input ?? '', encoding: 'utf8', maxBuffer: 2 ** 28 },
    ...{ timeout, killSignal: 'SIGKILL' },
  });
}

/** Runs commands that must succeed. */
export function succeedIn(place: Place, ...commands: Command[]): string {
  let output = '';
  for (const command of commands) {
    const { status, signal, stdout, stderr } = runIn(place, command);
    if (status !== 0) throw new Fault(`${shown(command)} ended with ${signal ?? status}: ${stderr}${stdout}`);
    output = stdout;
  }
  return output;
}

export function shown({ argv }: Command): string {
  return argv.slice(1).join(' ').replace(mainFile, 'layerhook');
}

/** What a trial shows to be wrong. */
export class Fault extends Error {}
