export { classOf, type ErrorClass, exitClasses, exitStatusOf } from './classes.js';
export { type ErrorDetails, isLayerhookError, LayerhookError } from './error.js';
export { fsError, reasonOf } from './fs-error.js';
export { isLimit, type LimitName, type Limits, limitOf, limitTable, overLimit } from './limits.js';
export { type ErrorCode, type ErrorRow, errorTable } from './table.js';
