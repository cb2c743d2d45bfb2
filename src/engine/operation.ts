import { chooseStore } from '../config/store.js';
import type { DriverChoice, LoadedConfig } from '../config/types.js';
import type { MapOptions } from '../layer/types.js';
import { type Logger, silentLogger } from '../log.js';
import { copyDriver } from './bundle.js';
import { createDispatcher, type Dispatcher, type HookSource } from './dispatch.js';
import { loadDriver } from './driver.js';
import { linkedController } from './linked-controller.js';
import type { Driver, Hooks, PointName } from './points.js';
import type { ProgressEvent } from './progress.js';

/** What every operation of the engine takes. */
export interface OperationOptions {
  /** storage driver: a name, the path of a module, or a driver itself; default: hooks.toml's, else `copy` */
  driver?: string | Driver | undefined;
  /** options for the driver when it is given by name */
  driverOptions?: Record<string, unknown> | undefined;
  /** directory where drivers keep layers; default: `$LAYERHOOK_STORE`, hooks.toml's, else where layerhook keeps its data */
  store?: string | undefined;
  /** function hooks, asked before those of hooks.toml and the driver's */
  hooks?: Hooks | undefined;
  /** path of hooks.toml; null: none; default: the search order of docs/hook-protocol.md */
  hooksFile?: string | null | undefined;
  /** bytes of holes in sparse files that may be hashed, or written into a layer as zeros; default 64 GiB */
  maxHoles?: number | undefined;
  signal?: AbortSignal | undefined;
  log?: Logger | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** An operation under way: who is asked at each lifecycle point, and how it is stopped. */
export interface Operation {
  driver: Driver;
  driverChoice: DriverChoice;
  dispatcher: Dispatcher;
  config: LoadedConfig | null;
  log: Logger;
  /** aborted when the caller's signal is, or by the first failure */
  stop: AbortController;
  maxHoles: number | undefined;
  onProgress(event: ProgressEvent): void;
  /** whether nobody but the driver has a hook on `point` */
  onlyDriver(point: PointName): boolean;
}

export const unmapped: MapOptions = { uidMappings: [], gidMappings: [], rootless: false };

/**
 * Reads the configuration and gathers the hooks: functions first, then hooks.toml, then the driver's.
 *
 * @param recorded the driver that an existing bundle was made with; it counts unless the caller names another
 * @param stop the operation's own, if it is linked to the caller's signal already
 */
export async function openOperation(
  options: OperationOptions,
  {
    recorded,
    stop = linkedController(options.signal),
  }: { recorded?: DriverChoice; stop?: AbortController } = {},
): Promise<Operation> {
  const log = options.log ?? silentLogger;
  const config = await configOf(options.hooksFile);
  const { driver, choice } = await driverOf(options, config, recorded ?? config?.driver ?? copyDriver);
  const others: HookSource[] = [
    ...(options.hooks ? [{ owner: 'function', hooks: options.hooks }] : []),
    ...(config?.sources ?? []),
  ];
  const sources = [...others, { owner: `driver ${driver.name}`, hooks: driver.hooks, ownErrors: true }];
  return {
    driver,
    driverChoice: choice,
    dispatcher: createDispatcher(sources, { log, signal: stop.signal }),
    config,
    log,
    stop,
    maxHoles: options.maxHoles,
    onProgress: options.onProgress ?? (() => {}),
    onlyDriver: (point) => !others.some(({ hooks }) => hooks[point]),
  };
}

/** To be called when no hook runs any more. */
export async function closeOperation({ driver, log }: Operation): Promise<void> {
  await driver.close?.().catch((error: Error) => log.warn(`closing driver ${driver.name}: ${error.message}`));
}

async function configOf(file: string | null | undefined): Promise<LoadedConfig | null> {
  if (file === null) return null;
  const { loadHooks } = await import('../config/load.js');
  return loadHooks({ file, env: process.env });
}

async function driverOf(
  { driver, driverOptions, store }: OperationOptions,
  config: LoadedConfig | null,
  fallback: DriverChoice,
): Promise<{ driver: Driver; choice: DriverChoice }> {
  if (typeof driver === 'object') return { driver, choice: { name: driver.name, options: {} } };
  const { name, options } = driver === undefined ? fallback : { name: driver, options: driverOptions ?? {} };
  const choice = { name, options: withStore(options, store, config) };
  return { driver: await loadDriver(choice), choice };
}

/** A store that the caller names counts before that of a bundle that there is; any other does not. */
function withStore(
  options: DriverChoice['options'],
  store: string | undefined,
  config: LoadedConfig | null,
): DriverChoice['options'] {
  if (store === undefined && options.store !== undefined) return options;
  const { root, durability } = chooseStore({ store, config, env: process.env });
  return { ...(durability && { durability }), ...options, store: root };
}
