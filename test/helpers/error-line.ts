import { type ErrorCode, errorTable } from '../../src/errors/index.js';

/** Returns a pattern for the message of an error and its hint, with any details, as every program prints them. */
export function errorLine(code: ErrorCode): RegExp {
  const { hint } = errorTable[code];
  return new RegExp(`${errorMessage(code).source}(?:; | \\()${patternOf(hint)}`);
}

/** Returns a pattern for the message of an error, with any details. */
export function errorMessage(code: ErrorCode): RegExp {
  return new RegExp(patternOf(errorTable[code].message));
}

function patternOf(template: string): string {
  const words = template.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return words.join('.*');
}
