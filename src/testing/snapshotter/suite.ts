import { contentCases } from './content.js';
import type { SnapshotterCase } from './harness.js';
import { labelCases } from './labels.js';
import { lifetimeCases } from './lifetime.js';
import { nameCases } from './names.js';

/**
 * The cases that every Snapshotter must pass: the rules of containerd's own suite, and rules that it lacks (a parent that
 * is given at commit, the class of each error, filters, concurrent callers).
 *
 * @example for (const c of snapshotterSuite) test(c.name, () => c.run({ open, mount, unmount, scratch }));
 */
export const snapshotterSuite: readonly SnapshotterCase[] = [
  ...nameCases,
  ...labelCases,
  ...lifetimeCases,
  ...contentCases,
];
