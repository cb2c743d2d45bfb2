import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DriverChoice } from '../config/types.js';
import { LayerhookError } from '../errors/index.js';
import type { Driver, DriverFactory } from './points.js';
import { shippedDriver } from './shipped-drivers.js';

const shippedName = /^[a-z][a-z0-9-]*$/;

/**
 * Finds a driver by name: one that ships with layerhook (drivers/NAME), or a module (by path or as the name of a
 * package) whose default export is a {@link DriverFactory}.
 *
 * @throws LayerhookError DRIVER_NOT_FOUND
 */
export async function loadDriver(choice: DriverChoice): Promise<Driver> {
  let factory: unknown;
  try {
    factory = (await importDriver(choice.name)).default;
  } catch (error) {
    throw new LayerhookError(
      'DRIVER_NOT_FOUND',
      { name: choice.name, reason: reasonOf(error, choice.name) },
      error,
    );
  }
  if (typeof factory !== 'function')
    throw new LayerhookError('DRIVER_NOT_FOUND', {
      name: choice.name,
      reason: 'its default export is no function',
    });
  return (factory as DriverFactory)(choice.options);
}

/** A shipped driver, else a path (with a slash at its start or a dot), else the name of a package. */
async function importDriver(name: string): Promise<{ default?: unknown }> {
  const shipped = shippedName.test(name) ? await shippedDriver(name) : undefined;
  return shipped ?? import(driverUrl(name));
}

function driverUrl(name: string): string {
  return /^[./]/.test(name) ? pathToFileURL(resolve(name)).href : name;
}

function reasonOf(error: unknown, name: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const missing = code === 'ERR_MODULE_NOT_FOUND' && message.includes(driverUrl(name).replace('file://', ''));
  return missing ? 'there is no such module' : message;
}
