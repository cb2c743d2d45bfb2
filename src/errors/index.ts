export { type ErrorDetails, isLayerhookError, LayerhookError } from './error.js';
export { fsError } from './fs-error.js';
export { type ErrorCode, type ErrorRow, errorTable } from './table.js';
