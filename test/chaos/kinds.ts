/** The kinds of faults that are tried on scenarios. */
import { crash, type Extent } from './crash.js';
import { fail } from './errors.js';
import { powerLoss } from './power.js';
import type { Report } from './report.js';
import type { Scenario } from './scenario.js';

const powerLosses = { ext4: powerLoss('ext4'), xfs: powerLoss('xfs') };

export const kinds: Readonly<Record<string, (scenario: Scenario, extent: Extent) => Report>> = {
  crash,
  errors: fail,
  ...powerLosses,
};

export const isPower = (kind: string): boolean => kind in powerLosses;
