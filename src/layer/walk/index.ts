export { statTreeAgain } from './stat-again.js';
export { comparePaths, copyStat, type StatTable, statTree, statWord, statWords } from './stat-table.js';
export { requirePathLength, type Visit, walk } from './walk.js';
