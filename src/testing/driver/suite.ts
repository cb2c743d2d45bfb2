import { directoryCases } from './directories.js';
import { failureCases } from './failure.js';
import type { DriverCase } from './harness.js';
import { hostileCases } from './hostile.js';
import { linkCases } from './links.js';
import { metadataCases } from './metadata.js';
import { overlayDataCases } from './overlay-data.js';
import { refreshCases } from './refresh.js';
import { repackCases } from './repack.js';
import { shapeCases, sharingCases } from './sharing.js';
import { tarCases } from './tars.js';
import { variantCases } from './variants.js';
import { whiteoutCases } from './whiteouts.js';

/**
 * The cases that every storage driver must pass.
 *
 * @example for (const c of driverSuite) test(c.name, () => c.run({ driver: './my-driver.mjs', scratch }));
 */
export const driverSuite: readonly DriverCase[] = [
  ...directoryCases,
  ...whiteoutCases,
  ...linkCases,
  ...metadataCases,
  ...tarCases,
  ...overlayDataCases,
  ...hostileCases,
  ...failureCases,
  ...shapeCases,
  ...sharingCases,
  ...repackCases,
  ...refreshCases,
  ...variantCases,
];
