import { directoryCases } from './directories.js';
import type { DriverCase } from './harness.js';
import { linkCases } from './links.js';
import { metadataCases } from './metadata.js';
import { whiteoutCases } from './whiteouts.js';

/**
 * What every storage driver must get right.
 *
 * @example for (const c of driverSuite) test(c.name, () => c.run({ driver: './my-driver.mjs', scratch }));
 */
export const driverSuite: readonly DriverCase[] = [
  ...directoryCases,
  ...whiteoutCases,
  ...linkCases,
  ...metadataCases,
];
