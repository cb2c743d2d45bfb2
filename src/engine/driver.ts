import { isBuiltin } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DriverChoice } from '../config/types.js';
import { LayerhookError } from '../errors/index.js';
import type { Driver, DriverFactory } from '../points/points.js';
import { isShippedDriver, shippedDriver } from './shipped-drivers.js';

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
 * Loads a driver: one that ships with layerhook (drivers/NAME), a program that hooks.toml names, or a module (by path or as the name of a package) whose
 * default export is a {@link DriverFactory}.
 *
 * @param choice from the operator: code of this name runs. What a bundle says must pass choose-driver.ts first.
 * @throws LayerhookError DRIVER_NOT_FOUND
 */
export async function loadDriver(choice: DriverChoice): Promise<Driver> {
  const { name, options, program } = choice;
  const shipped = isShipped(name);
  if (program !== undefined) {
    if (shipped) throw notFound(name, 'layerhook ships a driver of this name: name the program otherwise');
    return (await import('../config/exec.js')).execDriver(name, program, String(options.store));
  }
  if (!shipped && !isDriverName(name)) throw notFound(name, 'the name is malformed: URLs are not imported');
  let factory: unknown;
  try {
    factory = (await (shipped ? shippedDriver(name) : import(driverUrl(name)))).default;
  } catch (error) {
    throw notFound(name, reasonOf(error, name), error);
  }
  if (typeof factory !== 'function') throw notFound(name, 'its default export is not a function');
  return (factory as DriverFactory)(options);
}

function driverUrl(name: string): string {
  return /^[./]/.test(name) ? pathToFileURL(resolve(name)).href : name;
}

function reasonOf(error: unknown, name: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const missing = code === 'ERR_MODULE_NOT_FOUND' && message.includes(driverUrl(name).replace('file://', ''));
  return missing ? 'the module is missing' : message;
}

function notFound(name: string, reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('DRIVER_NOT_FOUND', { name, reason }, cause);
}
