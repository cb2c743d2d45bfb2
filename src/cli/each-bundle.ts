import type { Logger } from '../engine/log.js';
import { isLayerhookError } from '../errors/index.js';
import { usageError } from './usage.js';

/**
 * Does something for each of the bundles of a command line. With several, one that fails does not keep it from the others.
 *
 * @returns the exit status
 * @throws LayerhookError USAGE without a bundle; ABORTED; what `work` throws for a lone bundle
 */
export async function eachBundle(
  bundles: readonly string[],
  { command, log }: { command: string; log: Logger },
  work: (bundle: string) => Promise<void>,
): Promise<number> {
  if (bundles.length === 0 || bundles.includes('')) throw usageError('name a bundle', command);
  let status = 0;
  for (const bundle of bundles) {
    try {
      await work(bundle);
    } catch (error) {
      if (bundles.length === 1 || !isLayerhookError(error) || isLayerhookError(error, 'ABORTED')) throw error;
      log.error(`${error.message}; ${error.hint}`);
      status = error.exitStatus;
    }
  }
  return status;
}
