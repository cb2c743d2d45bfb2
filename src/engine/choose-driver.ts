import { isAbsolute } from 'node:path';
import { chooseStore } from '../config/store.js';
import type { DriverChoice, LoadedConfig } from '../config/types.js';
import { LayerhookError } from '../errors/index.js';
import { show } from '../points/check-result.js';
import { nearestDirectory } from '../system/make-directory.js';
import { findDistrust } from '../text/trust.js';
import { type BundleMeta, copyDriver } from './bundle/metadata.js';
import { absoluteName, isDriverName, isShipped } from './driver.js';
import type { OperationOptions } from './operation-options.js';

/** What an existing bundle says of its driver. */
export interface RecordedDriver
  extends Pick<BundleMeta, 'driver' | 'distrust'>,
    Partial<Pick<BundleMeta, 'state'>> {
  /** absolute path */
  bundle: string;
}

/** What the operator says: the command line or the library's options, and hooks.toml. */
export interface OperatorChoice {
  options: Pick<OperationOptions, 'driver' | 'driverOptions' | 'store'>;
  config: LoadedConfig | null;
}

/**
 * Chooses the driver of an operation. The operator's word counts first; a bundle chooses among the shipped drivers and that
 * of hooks.toml, and a store that only root and this user can write. A bundle that others may write chooses less: a
 * shipped driver, with the operator's store.
 *
 * @param recorded undefined if the bundle does not exist yet
 * @throws LayerhookError BUNDLE_DRIVER
 */
export function chooseDriver(operator: OperatorChoice, recorded: RecordedDriver | undefined): DriverChoice {
  const { options, config } = operator;
  const named = typeof options.driver === 'string' ? namedDriver(operator, options.driver) : null;
  if (recorded === undefined) return withStore(operator, named ?? config?.driver ?? copyDriver);
  const { name } = recorded.driver;
  if (named !== null && named.name !== absoluteName(name)) return withStore(operator, named);
  if (name === copyDriver.name) return withStore(operator, copyDriver);
  const base = named ?? (isShipped(name) ? shipped(recorded) : configured(recorded, config));
  return withStore(operator, {
    ...base,
    options: { ...bundleStore(operator, recorded, base), ...base.options },
  });
}

/** The driver that the command line names; hooks.toml may say that it is a program. */
function namedDriver(
  { options: { driverOptions = {} }, config }: OperatorChoice,
  name: string,
): DriverChoice {
  const inFile = config?.driver;
  return inFile?.program && inFile.name === name
    ? { ...inFile, options: { ...inFile.options, ...driverOptions } }
    : { name: absoluteName(name), options: driverOptions };
}

/** A shipped driver checks its options itself; `store` is checked here, since a driver trusts its store. */
function shipped({ driver: { name, options }, distrust }: RecordedDriver): DriverChoice {
  const { store: _, ...others } = options;
  return { name, options: distrust ? {} : others };
}

/** The driver of hooks.toml, with the options that stand there. */
function configured(recorded: RecordedDriver, config: LoadedConfig | null): DriverChoice {
  const { driver, distrust } = recorded;
  if (driver.asObject) {
    const expected = 'give the same object to this operation of the library, or name a module with --driver';
    throw refusal(recorded, 'it was unpacked with a driver given as an object', expected);
  }
  if (!isDriverName(driver.name))
    throw refusal(recorded, 'the name is malformed', 'unpack the image again into a new bundle');
  if (config?.driver?.name !== driver.name) {
    const expected = 'if the bundle was unpacked with it, name it with --driver, or in hooks.toml';
    throw refusal(recorded, 'neither hooks.toml nor the command names it', expected);
  }
  if (distrust)
    throw refusal(recorded, distrust.reason, `${distrust.expected}, or name the driver with --driver`);
  return config.driver;
}

/** The store of a bundle, unless the operator names one. */
function bundleStore(
  { options, config }: OperatorChoice,
  recorded: RecordedDriver,
  base: DriverChoice,
): { store?: string } {
  const { store } = recorded.driver.options;
  if (options.store !== undefined || base.options.store !== undefined || store === undefined) return {};
  if (typeof store !== 'string' || !isAbsolute(store))
    throw refusal(recorded, `its store is ${show(store)}, not an absolute path`, nameStore);
  const { root } = chooseStore({ store: undefined, config, env: process.env });
  if (store !== root) requireTrusted(recorded, store);
  return { store };
}

const nameStore = 'name the store with --store';

/** @throws LayerhookError BUNDLE_DRIVER if others may write the bundle, the store or what is above it; DIRECTORY_INVALID */
function requireTrusted(recorded: RecordedDriver, store: string): void {
  const distrust = recorded.distrust ?? findDistrust(nearestDirectory(store));
  if (!distrust) return;
  const { reason, expected } = distrust;
  throw refusal(recorded, `its store is ${store}, and ${reason}`, `${expected}, or ${nameStore}`);
}

function withStore({ options, config }: OperatorChoice, choice: DriverChoice): DriverChoice {
  const { options: own } = choice;
  if (options.store === undefined && own.store !== undefined) return choice;
  const { root, durability } = chooseStore({ store: options.store, config, env: process.env });
  return { ...choice, options: { ...(durability && { durability }), ...own, store: root } };
}

function refusal({ bundle, driver }: RecordedDriver, reason: string, expected: string): LayerhookError {
  const name = driver.name.length > 80 ? `${driver.name.slice(0, 77)}...` : driver.name;
  return new LayerhookError('BUNDLE_DRIVER', { path: bundle, name, reason, expected });
}
