import { constants } from 'node:os';
import { LayerhookError } from '../errors/index.js';

/** What a run may be interrupted by. */
export interface Interruption {
  signal: AbortSignal;
  /** 128 + signal number once one has come */
  exitStatus(): number | undefined;
}

/**
 * The first SIGINT or SIGTERM aborts, so that a command can leave things as they were; the second kills.
 *
 * @param what is named in the error, such as `unpack`
 */
export function watchSignals(what: string): Interruption {
  const controller = new AbortController();
  let status: number | undefined;
  const abort = (name: NodeJS.Signals) => {
    status = 128 + constants.signals[name];
    process.off('SIGINT', abort);
    process.off('SIGTERM', abort);
    controller.abort(new LayerhookError('ABORTED', { what }));
  };
  process.on('SIGINT', abort);
  process.on('SIGTERM', abort);
  return { signal: controller.signal, exitStatus: () => status };
}
