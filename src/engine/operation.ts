import type { DriverChoice, LoadedConfig } from '../config/types.js';
import type { Limits } from '../errors/index.js';
import type { MapOptions } from '../layer/types.js';
import { createDispatcher, type Dispatcher, type HookSource, hookSources } from '../points/dispatch.js';
import { HookStates } from '../points/hook-state.js';
import type { Driver, PointName } from '../points/points.js';
import { type Logger, silentLogger } from '../system/logger.js';
import { restoreModes } from '../system/saved-modes.js';
import { chooseDriver, type RecordedDriver } from './choose-driver.js';
import { loadDriver } from './driver.js';
import { linkedController } from './linked-controller.js';
import type { OperationOptions } from './operation-options.js';
import type { ProgressEvent } from './progress.js';

/** A running operation: the hooks of each lifecycle point, and what stops the operation. */
export interface Operation {
  driver: Driver;
  driverChoice: DriverChoice;
  dispatcher: Dispatcher;
  config: LoadedConfig | null;
  /** what hooks keep with the bundle */
  states: HookStates;
  log: Logger;
  /** aborted when the caller's signal is, or by the first failure */
  stop: AbortController;
  /** changed limits: the caller's, else those of hooks.toml */
  limits: Limits;
  maxHoles: number | undefined;
  onProgress(event: ProgressEvent): void;
  /** true if only the driver can have a hook at `point` */
  onlyDriver(point: PointName): boolean;
}

/** Number of running operations of each driver: several may have one driver object. */
const running = new WeakMap<Driver, number>();

export const unmapped: MapOptions = { uidMappings: [], gidMappings: [], rootless: false };

/** How an operation begins. */
interface Opening {
  /** what an existing bundle says of its driver; choose-driver.ts decides how much of it counts */
  recorded?: RecordedDriver;
  /** True: leaves out all other hooks, and goes on without a hooks.toml that cannot be used. */
  onlyDriver?: boolean;
  /** the operation's own, if it is linked to the caller's signal already */
  stop?: AbortController;
  /** hooks.toml, if the caller has loaded it */
  loaded?: LoadedConfig | null;
}

/** Reads the configuration and gathers the hooks: functions first, then hooks.toml, then the driver's. */
export async function openOperation(
  options: OperationOptions,
  { recorded, onlyDriver = false, stop = linkedController(options.signal), loaded }: Opening = {},
): Promise<Operation> {
  restoreModes();
  const log = options.log ?? silentLogger;
  const config = loaded === undefined ? await (onlyDriver ? usableConfigOf : configOf)(options) : loaded;
  const limits = limitsOf(options, config);
  const states = new HookStates(recorded?.state);
  const { driver, choice } = await driverOf(options, config, recorded);
  const others = onlyDriver ? [] : operatorHooks(options, config);
  const { hooks, timeout } = driver;
  const sources = [...others, { owner: `driver ${driver.name}`, hooks, timeout, ownErrors: true }];
  const dispatcher = createDispatcher(sources, { log, signal: stop.signal, states });
  running.set(driver, (running.get(driver) ?? 0) + 1);
  return {
    driver,
    driverChoice: choice,
    dispatcher,
    config,
    states,
    log,
    stop,
    limits,
    maxHoles: options.maxHoles ?? limits.holes,
    onProgress: options.onProgress ?? (() => {}),
    onlyDriver: (point) => !others.some(({ hooks }) => hooks[point]),
  };
}

/**
 * The driver that an operation on an existing bundle would use, without loading it.
 *
 * @throws LayerhookError BUNDLE_DRIVER, and as for reading hooks.toml
 */
export async function driverChoiceOf(
  options: Pick<OperationOptions, 'driver' | 'driverOptions' | 'store' | 'hooksFile' | 'limits'>,
  recorded: RecordedDriver,
): Promise<DriverChoice> {
  return chooseDriver({ options, config: await configOf(options) }, recorded);
}

/** Ends what the driver and the hooks hold. Call it once, when no hook runs. Failures are only logged. */
export async function closeOperation({ dispatcher, driver, log }: Operation): Promise<void> {
  const close = async (): Promise<void> => {
    try {
      await dispatcher.close();
    } finally {
      const others = running.get(driver)! - 1;
      running.set(driver, others);
      if (others === 0) await driver.close?.();
    }
  };
  await close().catch((error: Error) => log.warn(`closing driver ${driver.name}: ${error.message}`));
}

/** Returns the hooks of the operator: functions first, then hooks.toml. */
export function operatorHooks(
  { hooks }: Pick<OperationOptions, 'hooks'>,
  config: LoadedConfig | null,
): HookSource[] {
  return [...hookSources(hooks), ...(config?.sources ?? [])];
}

/** Loads hooks.toml; null without one. */
export async function configOf({
  hooksFile: file,
  limits,
}: Pick<OperationOptions, 'hooksFile' | 'limits'>): Promise<LoadedConfig | null> {
  if (file === null) return null;
  const { loadHooks } = await import('../config/load.js');
  return loadHooks({ file, env: process.env, limits });
}

/** Loads hooks.toml; null without one that can be used. */
async function usableConfigOf(options: OperationOptions): Promise<LoadedConfig | null> {
  return configOf(options).catch(() => null);
}

/** Returns the changed limits of an operation: the caller's, else those of hooks.toml. */
export function limitsOf(
  { limits = {} }: Pick<OperationOptions, 'limits'>,
  config: LoadedConfig | null,
): Limits {
  return config?.limits ?? limits;
}

async function driverOf(
  options: OperationOptions,
  config: LoadedConfig | null,
  recorded: RecordedDriver | undefined,
): Promise<{ driver: Driver; choice: DriverChoice }> {
  const { driver } = options;
  if (typeof driver === 'object')
    return { driver, choice: { name: driver.name, options: {}, asObject: true } };
  const choice = chooseDriver({ options, config }, recorded);
  return { driver: await loadDriver(choice, config?.file, limitsOf(options, config)), choice };
}
