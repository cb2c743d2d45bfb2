import { constants } from 'node:os';
import { LayerhookError } from '../errors/index.js';

/** How a signal interrupts a command. */
export interface Interruption {
  signal: AbortSignal;
  /** Returns 128 + signal number after a signal, else undefined. */
  exitStatus(): number | undefined;
}

/** For commands that a signal may kill outright. */
export const uninterrupted: Interruption = {
  signal: new AbortController().signal,
  exitStatus: () => undefined,
};

/** Requests to stop: from a user, from a service manager, from a closing terminal. */
const watched = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Handles the signals of {@link watched}. The first aborts the command, which can then undo unfinished work; the
 * second kills the process.
 *
 * @param what the command's name for the error, such as `unpack`
 */
export function watchSignals(what: string): Interruption {
  const controller = new AbortController();
  let status: number | undefined;
  const abort = (name: NodeJS.Signals) => {
    status = 128 + constants.signals[name];
    for (const signal of watched) process.off(signal, abort);
    controller.abort(new LayerhookError('ABORTED', { what }));
  };
  for (const signal of watched) process.on(signal, abort);
  return { signal: controller.signal, exitStatus: () => status };
}
