import type { BundleEntry } from '../../../engine/bundle/list.js';
import { isLayerhookError } from '../../../errors/index.js';
import { usageError } from '../../args/usage.js';
import type { CommandContext } from '../../command.js';

/** The bundles that a command line chooses: by name, or all bundles of a store that are in one state. */
export interface BundleChoice {
  bundles: readonly string[];
  /** set by `--all`: the bundles of this store in this state */
  all?: { state: BundleEntry['state']; store: string | undefined } | undefined;
}

/**
 * Calls `work` for each chosen bundle. With several bundles, a failure is logged and the other bundles follow.
 *
 * @returns the exit status
 * @throws LayerhookError USAGE without a bundle; ABORTED; the error of `work` if only one bundle was chosen
 */
export async function eachBundle(
  { bundles, all }: BundleChoice,
  { command, context }: { command: string; context: CommandContext },
  work: (bundle: string) => Promise<void>,
): Promise<number> {
  if (all && bundles.length > 0) throw usageError('give either bundles or --all', command);
  const chosen = all ? await allIn(all, context) : bundles;
  if (!all && (bundles.length === 0 || bundles.includes(''))) throw usageError('missing BUNDLE', command);
  let status = 0;
  for (const bundle of chosen) {
    try {
      context.signal.throwIfAborted();
      await work(bundle);
    } catch (error) {
      if (chosen.length === 1 || !isLayerhookError(error) || isLayerhookError(error, 'ABORTED')) throw error;
      context.log.error(`${error.message}; ${error.hint}`);
      status = error.exitStatus;
    }
  }
  return status;
}

async function allIn({ state, store }: NonNullable<BundleChoice['all']>, context: CommandContext) {
  const { bundlesIn } = await import('../../../engine/bundle/list.js');
  const { withStore } = await import('../store/shared.js');
  const entries = await withStore({ store }, context, bundlesIn, () => []);
  const chosen = entries.filter((entry) => entry.state === state).map(({ bundle }) => bundle);
  context.log.info(`${state} bundles of the store: ${chosen.length} of ${entries.length}`);
  return chosen;
}
