import { reasonOf } from '../errors/fs-error.js';
import { createDispatcher, type Dispatcher, type HookSource } from '../points/dispatch.js';
import type { LayerHookOptions, LayerRequest } from '../snapshotter/index.js';
import type { Logger } from '../system/logger.js';

const trySkip = 'snapshot.ociv1.layer.try-skip';
const postExtract = 'snapshot.ociv1.layer.post-extract';

/**
 * Returns hooks as a snapshotter calls them; a point without hooks is left out.
 *
 * @throws as createDispatcher
 */
export function snapshotHooks(sources: readonly HookSource[], log: Logger): LayerHookOptions {
  const dispatcher = createDispatcher(sources, { log, signal: new AbortController().signal });
  return {
    ...(dispatcher.handles(trySkip) && { provide: (request) => provide(dispatcher, log, request) }),
    ...(dispatcher.handles(postExtract) && {
      extracted: (layer) => dispatcher.every(postExtract, { ...layer }),
    }),
    // the failure comes after the answer to containerd
    hookFailed: (error) => log.warn(reasonOf(error)),
  };
}

/** Each hook gets a directory of its own: what one has left that failed or declined is not another's. */
async function provide(
  dispatcher: Dispatcher,
  log: Logger,
  { fresh, check, ...layer }: LayerRequest,
): Promise<boolean> {
  const outcome = await dispatcher.first(
    trySkip,
    async () => ({ ...layer, target: await fresh() }),
    async ({ skip }) => {
      if (skip) await check();
    },
  );
  if (!outcome.handled || !outcome.result.skip) return false;
  log.info('layer provided', { chainID: layer.chainID, by: outcome.by });
  return true;
}
