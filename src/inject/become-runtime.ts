import { writeSync } from 'node:fs';
import { LayerhookError } from '../errors/index.js';
import { become } from '../system/become.js';
import { type ByteString, fromText, showBytes, toText } from '../system/bytes.js';
import { SystemError } from '../system/errno.js';
import { type RuntimeArguments, readArguments } from './arguments.js';
import { findRuntime } from './find-runtime.js';
import { injectHooks, runtimeCandidates, startsContainer } from './inject.js';
import { createLog, type LogTarget } from './log.js';
import { noSettings, type RuntimeSettings, readSettings } from './settings.js';
import { readStarted } from './started.js';
import type { Log } from './types.js';

/** Names a runtime.toml, for engines that give a runtime no options. */
const configVariable = 'LAYERHOOK_RUNTIME_CONFIG';

/** What layerhook-runtime tells the world while it is still itself. */
export interface Wrapper {
  /** one line for whoever reads stderr */
  say: (line: string) => void;
  /** what stands in front of the runtime's own answer to `--version` */
  version: () => string;
}

/**
 * Adds hooks to the container that this process is asked to start, and becomes the real OCI runtime: same pid,
 * working directory and descriptors; environment, signals and limits as the engine gave them. With
 * `on-error = "pass-through"` a container whose hooks cannot be added starts without them.
 *
 * @param count of arguments that this process was given
 * @throws LayerhookError what stops the container; it has been logged where the engine looks for it
 */
export async function becomeRuntime(count: number, { say, version }: Wrapper): Promise<never> {
  const { args: given, env, state } = readStarted(count);
  const args = readArguments(given);
  const engine = engineLog(args);
  let log = openLog(engine, say);
  try {
    const settings = await settingsFor(args, variable(env, configVariable));
    log = openLog([...engine, ...ownLog(settings)], say);
    if (args.isVersion) writeSync(1, `layerhook-runtime version ${version()}\n`);
    const program = findRuntime(runtimeCandidates(args, settings), variable(env, 'PATH'));
    if (startsContainer(args)) inject(args, settings, log);
    const fds = [...state.fds, ...announcedFds(args, variable(env, 'LISTEN_FDS'))];
    return run(program, args, env, { ...state, fds });
  } catch (error) {
    log('error', error instanceof LayerhookError ? `${error.message} (${error.hint})` : String(error));
    throw error;
  }
}

function inject(args: RuntimeArguments, settings: RuntimeSettings, log: Log): void {
  try {
    injectHooks(args, settings, log);
  } catch (error) {
    if (settings.onError === 'fail' || !(error instanceof LayerhookError)) throw error;
    log('warn', `${error.message}; ${args.command} goes on without these hooks`);
  }
}

function run(
  program: ByteString,
  args: RuntimeArguments,
  env: ByteString[],
  state: Parameters<typeof become>[3],
): never {
  try {
    return become(program, [program, ...args.passed], env, state);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new LayerhookError('RUNTIME_EXEC', { path: showBytes(program), reason: error.code }, error);
  }
}

/** With hooks and runtime given, as oci-add-hooks is called, runtime.toml is not asked, unless it is given too. */
async function settingsFor(
  { own }: RuntimeArguments,
  named: ByteString | undefined,
): Promise<RuntimeSettings> {
  const file = own.config ?? (named || undefined);
  if (file === undefined && own.hooks.length > 0 && own.runtime !== undefined) return noSettings;
  return readSettings(file === undefined ? undefined : (toText(file) ?? file));
}

/** Where the engine looks for what a runtime has to say. */
function engineLog({ log, logFormat, isDebug }: RuntimeArguments): LogTarget[] {
  return log === undefined ? [] : [{ file: log, format: logFormat, level: isDebug ? 'debug' : 'warn' }];
}

function ownLog({ log, logLevel }: RuntimeSettings): LogTarget[] {
  return log === undefined ? [] : [{ file: fromText(log), format: 'text', level: logLevel }];
}

/** Warnings that no file takes go to stderr; errors come there anyhow. */
function openLog(targets: LogTarget[], say: Wrapper['say']): Log {
  const complain = ({ file }: LogTarget, error: unknown) => {
    say(`cannot write the log ${showBytes(file)}: ${(error as Error).message}`);
  };
  if (targets.length > 0) return createLog(targets, complain);
  return (level, message) => {
    if (level === 'warn') say(message);
  };
}

/** Descriptors behind 0 to 2 that the command line and sd_listen_fds(3) speak of, whatever the launcher saw. */
function announcedFds({ preservedFds }: RuntimeArguments, listenFds: ByteString | undefined): number[] {
  const count = preservedFds + (Number(listenFds ?? 0) || 0);
  return Array.from({ length: Math.min(count, 1024) }, (_, index) => index + 3);
}

function variable(env: readonly ByteString[], name: string): ByteString | undefined {
  return env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}
