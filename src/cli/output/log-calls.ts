import { reasonOf } from '../../errors/fs-error.js';
import { isLayerhookError } from '../../errors/index.js';
import type { Answered } from '../../snapshotter/index.js';
import type { Logger } from '../../system/logger.js';

/** Logs the calls that a server has answered. Failures that the caller did not cause are warnings. */
export function callLogger(log: Logger): (call: Answered) => void {
  return ({ method, name, took, error }) => {
    const fields = { name, ms: Math.round(took) };
    if (error === undefined) log.debug(method, fields);
    else if (
      isLayerhookError(error) &&
      error.code.startsWith('SNAPSHOT_') &&
      error.code !== 'SNAPSHOT_BROKEN'
    )
      log.debug(method, { ...fields, error: error.message });
    else log.warn(method, { ...fields, error: reasonOf(error) });
  };
}
