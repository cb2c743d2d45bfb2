import { constants } from 'node:os';
import { LayerhookError } from '../errors/index.js';

/** What a run may be interrupted by. */
export interface Interruption {
  signal: AbortSignal;
  /** 128 + signal number once one has come */
  exitStatus(): number | undefined;
}

/** For what signals just end. */
export const uninterrupted: Interruption = {
  signal: new AbortController().signal,
  exitStatus: () => undefined,
};

/** What asks to end: a user, a service manager, a terminal that goes away. */
const watched = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first of {@link watched} signals aborts, so that a command can leave things as they were; the second kills.
 *
 * @param what is named in the error, such as `unpack`
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
