import { show } from '../points/check-result.js';
import { pointNames, pointRow } from '../points/table.js';
import { isObject } from '../text/is-object.js';
import type { TomlFile } from '../text/toml.js';
import { checkExec, checkPoints, checkTimeout, defaultTimeout } from './check-exec.js';
import { checkKeys, type Table } from './check-table.js';
import { resolveModule } from './files.js';
import type { DriverChoice } from './types.js';

const programKeys = ['name', 'exec', 'points', 'env', 'timeout', 'store'];
const driverStages: readonly string[] = ['unpack', 'repack', 'bundle'];
/** The points of a program that names none: those of unpack, repack and bundle. */
const driverPoints = pointNames.filter((point) => driverStages.includes(pointRow(point).stage));

/**
 * `driver = "NAME"`, or a table `[driver]`: a name and options, or a name and a program.
 *
 * @returns null if the file names no driver
 * @throws CONFIG_INVALID with line
 */
export function checkDriver(toml: TomlFile): DriverChoice | null {
  const { driver } = toml.values;
  if (driver === undefined) return null;
  const { name, ...options } = isObject(driver) ? driver : { name: driver };
  if (typeof name !== 'string' || name === '') {
    throw toml.invalid(
      ['driver', 'name'],
      `the driver is ${show(driver)}`,
      'driver = "copy", or [driver] with a name',
    );
  }
  if (options.exec !== undefined) return checkProgramDriver(toml, name, driver as Table);
  const isPath = name.startsWith('.') || name.startsWith('/');
  return { name: isPath ? resolveModule(toml, ['driver', 'name'], name) : name, options };
}

function checkProgramDriver(toml: TomlFile, name: string, table: Table): DriverChoice {
  checkKeys(toml, ['driver'], table, programKeys);
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    const expected =
      'the name of a program that is a driver has small letters, digits and -; bundles record it';
    throw toml.invalid(['driver', 'name'], `the driver is ${show(name)}`, expected);
  }
  const { points = driverPoints, timeout = defaultTimeout, store } = table;
  const { argv, env } = checkExec(toml, ['driver'], table);
  return {
    name,
    options: store === undefined ? {} : { store },
    program: {
      ...{ type: 'exec', argv, env },
      points: checkPoints(toml, ['driver', 'points'], points),
      timeout: checkTimeout(toml, ['driver', 'timeout'], timeout),
    },
  };
}
