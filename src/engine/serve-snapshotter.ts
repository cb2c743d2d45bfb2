import { hookSources } from '../points/dispatch.js';
import type { HookSet } from '../points/points.js';
import * as service from '../snapshotter/index.js';
import { type Logger, silentLogger } from '../system/logger.js';
import { snapshotHooks } from './snapshot-hooks.js';

export interface ServeOptions extends Omit<service.ServeOptions, keyof service.LayerHookOptions> {
  /** function hooks; a snapshotter calls those at `snapshot.` points */
  hooks?: readonly HookSet[] | undefined;
  /** where hooks say what they do */
  log?: Logger | undefined;
}

/**
 * Serves a store to one containerd: `containerd.services.snapshots.v1.Snapshots` over a unix socket.
 *
 * @throws LayerhookError LISTEN if the address, or this client of the store, is served already; as openStore; HOOK_INVALID,
 * HOOK_UNKNOWN_POINT
 */
export async function serveSnapshotter({
  hooks,
  log = silentLogger,
  ...options
}: ServeOptions): Promise<service.SnapshotService> {
  if (hooks === undefined) return service.serveSnapshotter(options);
  return service.serveSnapshotter({
    ...options,
    ...snapshotHooks(hookSources(hooks), log),
  });
}
