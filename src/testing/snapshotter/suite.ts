import { contentCases } from './content.js';
import type { SnapshotterCase } from './harness.js';
import { labelCases } from './labels.js';
import { lifetimeCases } from './lifetime.js';
import { nameCases } from './names.js';

/**
 * What every Snapshotter must do: what containerd's own suite asks for, and what that forgets (a parent that is named
 * at commit, the class of each error, filters, many callers).
 *
 * @example for (const c of snapshotterSuite) test(c.name, () => c.run({ open, mount, unmount, scratch }));
 */
export const snapshotterSuite: readonly SnapshotterCase[] = [
  ...nameCases,
  ...labelCases,
  ...lifetimeCases,
  ...contentCases,
];
