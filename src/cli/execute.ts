import type { ProgressEvent } from '../engine/progress.js';
import { isLayerhookError } from '../errors/index.js';
import type { Logger } from '../system/logger.js';
import { createScreen, type Screen } from '../terminal/screen.js';
import type { CommandContext, CommandSpec, OptionSpecs, OptionValues } from './command.js';
import { createLogger } from './output/log.js';
import { report } from './output/report.js';
import { show } from './output/show.js';
import { errorOutput, isTerminal, output } from './output/streams.js';
import type { Settings } from './settings.js';
import { uninterrupted, watchSignals } from './signals.js';

/** What the program's own arguments say of a command. */
interface Execution extends Pick<CommandContext, 'table' | 'persona'> {
  name: string;
  settings: Settings;
}

/**
 * Runs a command: handles signals, shows log and progress on stderr, and reports the error.
 *
 * @returns the exit status: 128 + signal number if the command failed after a signal, else the command's own
 */
export async function execute(
  spec: CommandSpec,
  args: readonly string[],
  options: OptionValues<OptionSpecs>,
  { name, table, settings, persona }: Execution,
): Promise<number> {
  const screen = createScreen(errorOutput);
  const interruption = spec.endsImmediately ? uninterrupted : watchSignals(name);
  const log = await createLogger(settings, persona, screen.write);
  const progress = await progressOn(screen, settings, log);
  const context: CommandContext = {
    persona,
    table,
    signal: interruption.signal,
    log,
    hooksFile: settings.hooksFile,
    onProgress: progress?.onProgress,
    print: (line) => screen.aside(() => print(line)),
    show: (result) => show(result, options.json === true, (text) => screen.aside(() => output.write(text))),
  };
  try {
    // a command that finished has succeeded, even if a signal came too late to stop it
    return (await spec.run(args, options, context)) ?? 0;
  } catch (error) {
    progress?.stop();
    // the reason of the abort signal names the command
    const shown = isLayerhookError(error, 'ABORTED')
      ? (interruption.signal.reason ?? error)
      : (await import('./output/explain.js')).explain(error, args, options);
    const status = report(shown, { settings, persona, write: screen.write });
    return interruption.exitStatus() ?? status;
  } finally {
    // signals stay handled: a signal that comes while the process ends must not change the status of finished work
    progress?.stop();
  }
}

/** Writes a line to stdout. */
export function print(line: string | Uint8Array): number {
  output.write(typeof line === 'string' ? `${line}\n` : Buffer.concat([line, Buffer.from('\n')]));
  return 0;
}

interface Progress {
  onProgress(event: ProgressEvent): void;
  stop(): void;
}

async function progressOn(screen: Screen, settings: Settings, log: Logger): Promise<Progress | undefined> {
  if (!settings.quiet && settings.format === 'text' && isTerminal()) {
    const { terminalProgress } = await import('../terminal/progress/terminal.js');
    return terminalProgress(screen, process.stderr, settings.color);
  }
  if (settings.level === 'info' || settings.level === 'debug')
    return (await import('../terminal/progress/lines.js')).lineProgress(log);
  return undefined;
}
