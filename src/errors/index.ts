export { type ErrorDetails, isLayerhookError, LayerhookError } from './error.js';
export { type ErrorCode, type ErrorRow, errorTable } from './table.js';
