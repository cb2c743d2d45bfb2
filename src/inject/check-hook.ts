import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromBuffer } from '../system/bytes.js';
import { isObject } from '../text/is-object.js';
import { readFailure } from '../text/json-bytes.js';
import { readWholeFile } from '../text/read-file.js';

/**
 * Checks that a hook is one that runtimes accept, so that the container fails before the runtime creates anything.
 *
 * @param where names the hook in the file, for errors
 */
export function checkHook(file: string, where: string, hook: unknown): asserts hook is { path: string } {
  const fail = (reason: string) => hooksError(file, `${where} ${reason}`);
  if (!isObject(hook)) throw fail('is not an object');
  const { path, args, env, timeout } = hook;
  if (typeof path !== 'string' || path === '') throw fail('lacks a path');
  if (!isMissingOrStrings(args)) throw fail('has invalid args: expected a list of strings');
  if (!isMissingOrStrings(env)) throw fail('has an invalid env: expected a list of strings');
  if (timeout !== undefined && timeout !== null && !(Number.isInteger(timeout) && (timeout as number) > 0)) {
    throw fail('has an invalid timeout: expected a whole number of seconds above 0');
  }
}

/** Reads a file of hooks. @throws LayerhookError RUNTIME_HOOKS */
export function readHookFile(file: string): ByteString {
  try {
    return fromBuffer(readWholeFile(file));
  } catch (error) {
    throw hooksError(file, readFailure(error));
  }
}

export function hooksError(file: string, reason: string): LayerhookError {
  return new LayerhookError('RUNTIME_HOOKS', { file, reason });
}

function isMissingOrStrings(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
