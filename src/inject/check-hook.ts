import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromBuffer } from '../system/bytes.js';
import { isObject } from '../text/is-object.js';
import { readFailure, utf8 } from '../text/json-bytes.js';
import { didYouMean, nearest } from '../text/nearest.js';
import { readWholeFile } from '../text/read-file.js';

/**
 * Checks that a hook is one that runtimes accept, so that the container fails before the runtime creates anything.
 *
 * @param where names the hook in the file, for errors
 */
export function checkHook(file: string, where: string, hook: unknown): asserts hook is { path: string } {
  const fail = (reason: string) => hooksError(file, `${where} ${reason}`);
  if (!isObject(hook)) throw fail('is not an object');
  refuseMisspelt(file, hook, where);
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

const hookMembers = ['path', 'args', 'env', 'timeout'];

/** Throws for `arg`, for example. Other unknown members stay: a later version of the runtime-spec may define them. */
function refuseMisspelt(file: string, hook: object, where: string): void {
  const key = Object.keys(hook).find((each) => !hookMembers.includes(each) && nearest(each, hookMembers));
  if (key === undefined) return;
  throw hooksError(file, `${where} has an unknown member ${utf8(key)}${didYouMean(key, hookMembers)}`);
}

/** Throws for an unknown member beside or in `hooks`: a container must not start without one of its hooks. */
export function refuseUnknown(file: string, given: readonly string[], known: readonly string[]): void {
  const key = given.find((each) => !known.includes(each));
  if (key !== undefined) throw hooksError(file, `unknown member ${utf8(key)}${didYouMean(key, known)}`);
}

export function hooksError(file: string, reason: string): LayerhookError {
  return new LayerhookError('RUNTIME_HOOKS', { file, reason });
}

function isMissingOrStrings(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
