import { isatty } from 'node:tty';
import {
  formatCounted,
  fsError,
  isLayerhookError,
  LayerhookError,
  type Logger,
  type ProgressBars,
  packageVersion,
  progressBars,
  reasonOf,
} from 'layerhook';
import { isErrno, readUpTo, writeAll } from 'layerhook/system';
import { type Arguments, help, readArguments } from './arguments.js';
import { openLog, writeStderr } from './log.js';
import { defaultStateDir, setHome } from './places.js';
import { Records } from './records.js';
import { show } from './show.js';

/**
 * Runs archive_overlay: reads the annotations and finds the upperdir. The hooks at the lifecycle point
 * runtime.ociv1.container.poststop-archive write the archive.
 *
 * @returns the exit status: 1 if an archive is missing
 */
export async function main(argv: string[]): Promise<number> {
  let args: Arguments;
  try {
    args = readArguments(argv);
  } catch (error) {
    return fail(error);
  }
  if (args.command === 'help') return print(help);
  if (args.command === 'version') return print(`archive_overlay version ${packageVersion()}\n`);
  const bars = isatty(2) ? progressBars(process.stderr) : undefined;
  const log = await openLog(args, bars?.write);
  try {
    const failed = await work(args, log, bars);
    log.info(
      failed === 0 ? 'Done' : `archive_overlay retry creates ${formatCounted(failed, 'missing archives')}`,
    );
    return failed === 0 ? 0 : 1;
  } catch (error) {
    log.error(show(error));
    return 1;
  }
}

async function work(args: Arguments, log: Logger, bars: ProgressBars | undefined): Promise<number> {
  log.info(`Run archive_overlay ${packageVersion()}`);
  setHome();
  const { command, containers, mountProgram, hooksFile } = args;
  const options = { records: openRecords(args, log), hooksFile, signal: stopSignal(), log, bars };
  if (command !== 'retry') {
    const { archiveContainer } = await import('./run.js');
    return archiveContainer(readInput(), { ...options, mountProgram });
  }
  if (options.records === null) return 1;
  const { retryArchives } = await import('./retry.js');
  return retryArchives(options.records, containers, options);
}

function openRecords({ stateDir = defaultStateDir() }: Arguments, log: Logger): Records | null {
  try {
    return new Records(stateDir);
  } catch (error) {
    log.warn(`Cannot record results in ${stateDir}: ${reasonOf(error)}`);
    return null;
  }
}

function readInput(): string {
  try {
    return readUpTo(0, 'standard input').toString();
  } catch (error) {
    if (isLayerhookError(error)) throw error;
    const reason = `cannot read standard input: ${reasonOf(error)}`;
    throw new LayerhookError('ARCHIVE_CONTAINER', { reason }, error);
  }
}

/** Returns a signal that aborts when the engine stops a slow hook. The unfinished archive is removed and can be retried. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => controller.abort(new LayerhookError('ABORTED', { what: 'archiving' })));
  return controller.signal;
}

function print(text: string): number {
  try {
    writeAll(1, Buffer.from(text), null);
  } catch (error) {
    // EPIPE: the reader wants no more
    if (!isErrno(error, 'EPIPE')) return fail(fsError(error, 'cannot write to standard output'));
  }
  return 0;
}

function fail(error: unknown): number {
  writeStderr(`archive_overlay: ${show(error)}\n`);
  return 1;
}
