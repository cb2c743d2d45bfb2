import { type Context, createContext, Script } from 'node:vm';
import { requireDescriptors } from './descriptors.js';

/** for the event loop of the thread that waits, with some to spare; without them, node ends the process (SIGABRT) */
const watchdogDescriptors = 8;

let limited: { script: Script; globals: Context } | undefined;

/**
 * Runs a synchronous action, and interrupts it after a time, even inside a regular expression. An interrupted action does
 * not run its `finally` blocks, so it must not hold a resource.
 *
 * @param ms time limit
 * @param late returns the error for an interrupted action
 * @throws what `action` and `late` give; errors of node:fs if the process has too few descriptors for the clock
 */
export function withinTime<T>(ms: number, action: () => T, late: () => Error): T {
  requireDescriptors(watchdogDescriptors, '/');
  // only node:vm can interrupt JavaScript in its own thread
  limited ??= { script: new Script('action()'), globals: createContext({}) };
  const { script, globals } = limited;
  globals.action = action;
  try {
    return script.runInContext(globals, { timeout: ms });
  } catch (error) {
    throw isTimeout(error) ? late() : error;
  } finally {
    globals.action = undefined;
  }
}

/** The error belongs to the other context, so it is not an instance of this context's Error. */
function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
