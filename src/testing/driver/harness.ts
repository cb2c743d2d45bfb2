import type { Driver } from '../../points/points.js';
import type { ConformanceCase } from '../case.js';

/** What a driver's author gives to {@link driverSuite}. */
export interface DriverHarness {
  /** as `unpack` takes it: a name, the path of a module, or a driver itself */
  driver: string | Driver;
  /** options for a driver given by name or path */
  driverOptions?: Record<string, unknown>;
  /** directory of the store that all cases share; without one each has its own, in its scratch directory */
  store?: string;
  /** Makes an empty directory, on a filesystem that the driver works on; whoever gave the harness removes it. */
  scratch(): string | Promise<string>;
}

export type DriverCase = ConformanceCase<DriverHarness>;
