export { type ErrorDetails, isLayerhookError, LayerhookError } from './error.js';
export { fsError } from './fs-error.js';
export { isLimit, type LimitName, type Limits, limitOf, limitTable, overLimit } from './limits.js';
export { type ErrorCode, type ErrorRow, errorTable, exitStatusOf } from './table.js';
