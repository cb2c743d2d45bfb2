export { HardlinkGroups } from './hardlink-groups.js';
export { statTreeAgain, statTreeAgainSteps } from './stat-again.js';
export {
  comparePaths,
  copyStat,
  type StatTable,
  statTree,
  statTreeSteps,
  statWord,
  statWords,
} from './stat-table.js';
export { requireDepth, type Visit, walk, walkSteps } from './walk.js';
