import type { ProvideLayer } from '../snapshot/service/provide.js';
import { createDispatcher, type HookSource } from './dispatch.js';
import type { Logger } from './log.js';

const POINT = 'snapshot.ociv1.layer.try-skip';

/**
 * Hooks as a snapshotter asks them for layers that its store has not. Each gets a directory of its own: what one has left
 * that failed or declined is not another's.
 *
 * @returns undefined if no hook is asked for layers
 * @throws as createDispatcher
 */
export function layerProvider(sources: readonly HookSource[], log: Logger): ProvideLayer | undefined {
  const dispatcher = createDispatcher(sources, { log, signal: new AbortController().signal });
  if (!dispatcher.handles(POINT)) return undefined;
  return async ({ fresh, check, ...context }) => {
    const outcome = await dispatcher.first(
      POINT,
      async () => ({ ...context, target: await fresh() }),
      async ({ skip }) => {
        if (skip) await check();
      },
    );
    if (!outcome.handled || !outcome.result.skip) return false;
    log.info('layer provided', { chainID: context.chainID, by: outcome.by });
    return true;
  };
}
