import { writeSync } from 'node:fs';
import { fsError, reasonOf, systemWords } from '../errors/fs-error.js';
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

/** The variable that names a runtime.toml, for engines that give the runtime no options. */
const configVariable = 'LAYERHOOK_RUNTIME_CONFIG';

/** Comes before the help of the real runtime, which describes all other options. */
const ownHelp = `layerhook-runtime adds hooks to the config.json of a container, and becomes the real OCI runtime.

USAGE:
   layerhook-runtime [its own options] [options and command of the real runtime]

ITS OWN OPTIONS:
   --hook-config-path PATH  file or directory of hooks; may be given several times
   --runtime-path RUNTIME   the real runtime: a path, or a name on the PATH
   --layerhook-config FILE  settings (default: $${configVariable}, else /etc/layerhook/runtime.toml)

All other options and all commands are those of the real runtime, whose help follows.

`;

/** The output of layerhook-runtime before it becomes the real runtime. */
export interface Wrapper {
  /** Writes one line to stderr. */
  say: (line: string) => void;
  /** Returns the version to print before the real runtime's own answer to `--version`. */
  version: () => string;
}

/**
 * Adds hooks to the container that an engine starts, and becomes the real OCI runtime. The pid, the working directory
 * and the descriptors stay; environment, signals and limits are those that the engine gave. With
 * `on-error = "pass-through"` a container whose hooks cannot be added starts without them.
 *
 * @param count number of arguments of this process
 * @throws LayerhookError the reason why the container does not start; it is already in the log that the engine reads
 */
export async function becomeRuntime(count: number, { say, version }: Wrapper): Promise<never> {
  const { args: given, env, state } = readStarted(count);
  const args = readArguments(given);
  const engine = engineLog(args);
  let log = openLog(engine, say);
  try {
    const settings = await settingsFor(args, variable(env, configVariable));
    log = openLog([...engine, ...ownLog(settings)], say);
    if (args.isHelp) print(ownHelp);
    if (args.isVersion) print(`layerhook-runtime version ${version()}\n`);
    const program = findRuntime(runtimeCandidates(args, settings), variable(env, 'PATH'));
    if (startsContainer(args)) inject(args, settings, log);
    const fds = [...state.fds, ...announcedFds(args, variable(env, 'LISTEN_FDS'))];
    return run(program, args, env, { ...state, fds });
  } catch (error) {
    log('error', error instanceof LayerhookError ? `${error.message} (${error.hint})` : String(error));
    throw error;
  }
}

/** Not through process.stdout: it would make a pipe non-blocking, and the real runtime would inherit that. */
function print(text: string): void {
  try {
    writeSync(1, text);
  } catch (error) {
    throw fsError(error, 'cannot write to standard output');
  }
}

function inject(args: RuntimeArguments, settings: RuntimeSettings, log: Log): void {
  try {
    injectHooks(args, settings, log);
  } catch (error) {
    if (settings.onError === 'fail' || !(error instanceof LayerhookError)) throw error;
    log('warn', `${error.message}; ${args.command} continues without these hooks`);
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
    throw new LayerhookError('RUNTIME_EXEC', { path: showBytes(program), reason: systemWords(error) }, error);
  }
}

/** Returns the settings. If the options name hooks and runtime, as for oci-add-hooks, no default runtime.toml is read. */
async function settingsFor(
  { own }: RuntimeArguments,
  named: ByteString | undefined,
): Promise<RuntimeSettings> {
  const file = own.config ?? (named || undefined);
  if (file === undefined && own.hooks.length > 0 && own.runtime !== undefined) return noSettings;
  return readSettings(file === undefined ? undefined : (toText(file) ?? file));
}

/** Returns the runtime's log, where the engine looks for the reason of a failure. */
function engineLog({ log, logFormat, isDebug }: RuntimeArguments): LogTarget[] {
  return log === undefined ? [] : [{ file: log, format: logFormat, level: isDebug ? 'debug' : 'warn' }];
}

function ownLog({ log, logLevel }: RuntimeSettings): LogTarget[] {
  return log === undefined ? [] : [{ file: fromText(log), format: 'text', level: logLevel }];
}

/** Opens the log. Without a log file, warnings go to stderr; the caller writes errors there in any case. */
function openLog(targets: LogTarget[], say: Wrapper['say']): Log {
  const complain = ({ file }: LogTarget, error: unknown) => {
    say(`cannot write the log ${showBytes(file)}: ${reasonOf(error)}`);
  };
  if (targets.length > 0) return createLog(targets, complain);
  return (level, message) => {
    if (level === 'warn') say(message);
  };
}

/** Returns the descriptors above 2 that `--preserve-fds` and sd_listen_fds(3) announce, even if the launcher missed them. */
function announcedFds({ preservedFds }: RuntimeArguments, listenFds: ByteString | undefined): number[] {
  const count = preservedFds + (Number(listenFds ?? 0) || 0);
  return Array.from({ length: Math.min(count, 1024) }, (_, index) => index + 3);
}

function variable(env: readonly ByteString[], name: string): ByteString | undefined {
  return env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}
