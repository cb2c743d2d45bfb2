/** What is tried under faults: commands, the state that each begins with, and what shows its result. */
import { archives } from './archives.js';
import { ofBundles } from './bundles.js';
import { ofInstalled } from './installed.js';
import { exports, ofLayouts } from './layouts.js';
import type { Scenario } from './scenario.js';
import { ofServed } from './served.js';
import { ofStores } from './stores.js';

export const scenarios: readonly Scenario[] = [
  ...ofBundles,
  ...ofStores,
  ...ofLayouts,
  ...exports,
  ...archives,
  ...ofInstalled,
  ...ofServed,
];
