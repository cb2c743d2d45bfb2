import type { WriteStream } from 'node:tty';
import type { ProgressEvent } from '../../engine/progress.js';
import { createScreen } from '../screen.js';
import { terminalProgress } from './terminal.js';

/** Progress bars at the bottom of a terminal. */
export interface ProgressBars {
  /** Shows an event. Pass it as the option `onProgress` of an operation. */
  onProgress(event: ProgressEvent): void;
  /** Writes text, which must end with a newline, above the bars. */
  write(text: string): void;
  /** Removes the bars. Call it when the operation ends. */
  stop(): void;
}

/**
 * Creates the progress bars of the command line, for another program.
 *
 * @param terminal such as process.stderr. Nothing else may write to it while bars are shown
 */
export function progressBars(terminal: WriteStream): ProgressBars {
  const screen = createScreen(terminal);
  const bars = terminalProgress(screen, terminal, terminal.hasColors());
  return { ...bars, write: screen.write };
}
