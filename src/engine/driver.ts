import { isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';
import type { DriverChoice } from '../config/types.js';
import { isLayerhookError, LayerhookError, type Limits } from '../errors/index.js';
import { show } from '../points/check-result.js';
import type { Driver } from '../points/points.js';
import { isObject } from '../text/is-object.js';
import { didYouMean } from '../text/nearest.js';
import { isShippedDriver, shippedDriver } from './shipped-drivers.js';

const shippedDrivers = ['copy', 'overlay', 'erofs', 'btrfs'];

/** A name of npm's, with a path in the package behind it or not. A URL has a colon, and is never one. */
const packageName = /^(?:@[\w~-][\w.~-]*\/)?[\w~-][\w.~-]*(?:\/[\w@+~-][\w@+.~-]*)*$/;

/** True if `name` is a driver that ships with layerhook. */
export function isShipped(name: string): boolean {
  return /^[a-z][a-z0-9-]*$/.test(name) && isShippedDriver(name);
}

/** True if `name` can be a driver's: a path that starts with `/` or `.`, or the name of a package. */
export function isDriverName(name: string): boolean {
  if (/^[./]/.test(name)) return !name.includes('\0');
  return packageName.test(name) && !isBuiltin(name);
}

/** A driver's name as it means the same in any working directory: paths become absolute. */
export function absoluteName(name: string): string {
  return /^[./]/.test(name) ? resolve(name) : name;
}

/**
 * Loads a driver: one that ships with layerhook (drivers/NAME), a program that hooks.toml names, or a module (by path or as
 * the name of a package) whose default export is a DriverFactory.
 *
 * @param choice from the operator: code of this name runs. What a bundle says must pass choose-driver.ts first.
 * @param hooksFile hooks.toml: packages are looked up from its directory first
 * @param limits of what a program may write to stdout
 * @throws LayerhookError DRIVER_NOT_FOUND, DRIVER_INVALID
 */
export async function loadDriver(choice: DriverChoice, hooksFile?: string, limits?: Limits): Promise<Driver> {
  const { name, options, program } = choice;
  const shipped = isShipped(name);
  if (program !== undefined) {
    if (shipped) throw notFound(name, 'layerhook ships a driver of this name: name the program otherwise');
    const { execDriver } = await import('../config/exec.js');
    return execDriver(name, program, { store: String(options.store), limits });
  }
  if (!shipped && !isDriverName(name)) throw notFound(name, 'the name is malformed: URLs are not imported');
  if (shipped) return makeDriver(name, (await shippedDriver(name)).default, [options]);
  const module = { name: absoluteName(name), from: hooksFile === undefined ? [] : [dirname(hooksFile)] };
  const { importModule } = await import('../config/modules/import.js');
  try {
    const factory = (await importModule(module)).default;
    return await makeDriver(name, factory, await argumentsFor(factory, options));
  } catch (error) {
    if (isLayerhookError(error)) throw error;
    const { explainImport } = await import('../config/modules/explain.js');
    throw notFound(name, explainImport(error, module, shippedDrivers), error);
  }
}

async function makeDriver(name: string, factory: unknown, given: readonly unknown[]): Promise<Driver> {
  if (typeof factory !== 'function')
    throw invalid(
      name,
      `its default export is ${show(factory)}`,
      'export default (options) => ({ name, hooks })',
    );
  const driver: unknown = await factory(...given);
  const { name: own, hooks } = isObject(driver) ? driver : {};
  if (isObject(hooks) && typeof own === 'string') return driver as unknown as Driver;
  const missing = isObject(driver) ? (isObject(hooks) ? 'name' : 'hooks') : undefined;
  const reason = missing === undefined ? `its factory returned ${show(driver)}` : `it has no ${missing}`;
  const close = missing && didYouMean(missing, Object.keys(driver as object));
  throw invalid(name, reason, `a driver is an object { name, hooks }${close ?? ''}`);
}

/** Returns the options and the API. The length of a factory with a default value or a rest parameter says nothing. */
async function argumentsFor(factory: unknown, options: DriverChoice['options']): Promise<unknown[]> {
  if (typeof factory !== 'function' || factory.length === 1) return [options];
  const { importApi } = await import('../config/modules/import.js');
  return [options, await importApi()];
}

function invalid(name: string, reason: string, expected: string): LayerhookError {
  return new LayerhookError('DRIVER_INVALID', { name, reason, expected });
}

function notFound(name: string, reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('DRIVER_NOT_FOUND', { name, reason }, cause);
}
