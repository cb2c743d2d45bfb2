import type { Limits } from '../errors/index.js';
import type { Driver, HookSet } from '../points/points.js';
import type { Logger } from '../system/logger.js';
import type { ProgressEvent } from './progress.js';

/** What every operation of the engine takes. */
export interface OperationOptions {
  /** storage driver: a name, the path of a module, or a driver itself; default: hooks.toml's, else `copy` */
  driver?: string | Driver | undefined;
  /** options for the driver when it is given by name */
  driverOptions?: Record<string, unknown> | undefined;
  /** directory where drivers keep layers; default: `$LAYERHOOK_STORE`, hooks.toml's, else where layerhook keeps its data */
  store?: string | undefined;
  /** function hooks, called before those of hooks.toml and the driver's, in this order */
  hooks?: readonly HookSet[] | undefined;
  /** path of hooks.toml; null: use none; default: the search order of docs/hook-protocol.md */
  hooksFile?: string | null | undefined;
  /** bytes of holes in sparse files that may be hashed, or written into a layer as zeros; default 64 GiB */
  maxHoles?: number | undefined;
  /** changed limits of docs/security.md; the others are those of hooks.toml, else the defaults */
  limits?: Limits | undefined;
  signal?: AbortSignal | undefined;
  log?: Logger | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}
