import { LayerhookError } from '../errors/index.js';
import { isObject } from '../text/is-object.js';

/**
 * Checks what runtimes want of a hook, so that a container fails before anything was made for it.
 *
 * @param where names it in the file
 */
export function checkHook(file: string, where: string, hook: unknown): asserts hook is { path: string } {
  const fail = (reason: string) => hooksError(file, `${where} ${reason}`);
  if (!isObject(hook)) throw fail('is no object');
  const { path, args, env, timeout } = hook;
  if (typeof path !== 'string' || path === '') throw fail('has no path');
  if (!isMissingOrStrings(args)) throw fail('has args that are no list of strings');
  if (!isMissingOrStrings(env)) throw fail('has an env that is no list of strings');
  if (timeout !== undefined && timeout !== null && !(Number.isInteger(timeout) && (timeout as number) > 0)) {
    throw fail('has a timeout that is no whole number of seconds above 0');
  }
}

export function hooksError(file: string, reason: string): LayerhookError {
  return new LayerhookError('RUNTIME_HOOKS', { file, reason });
}

function isMissingOrStrings(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
