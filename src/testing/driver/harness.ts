import type { Driver } from '../../points/points.js';
import type { ConformanceCase } from '../case.js';

/** The input of {@link driverSuite}, from the author of a driver. */
export interface DriverHarness {
  /** the driver, as in the options of `unpack`: a name, the path of a module, or a driver object; default: hooks.toml's */
  driver?: string | Driver;
  /** path of a hooks.toml that names the driver: for a driver that is a program; default: no hooks.toml */
  hooksFile?: string;
  /** `seconds`: the store keeps times as whole seconds from 1970 to 2106, as squashfs does; default: to the nanosecond */
  times?: 'seconds';
  /** options of a driver given by name or path */
  driverOptions?: Record<string, unknown>;
  /** directory of a store for all cases; default: each case has its own store in its scratch directory */
  store?: string;
  /** Creates an empty directory on a filesystem that the driver supports. The caller of the suite removes it later. */
  scratch(): string | Promise<string>;
}

export type DriverCase = ConformanceCase<DriverHarness>;
