import { reasonOf } from '../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import type { Logger } from '../system/logger.js';
import { span } from '../system/trace.js';
import { BadResult } from './check-result.js';
import type { HookStates } from './hook-state.js';
import { type Declined, declined, type HookState, type OnFailure, type PointName } from './points.js';
import { type SlotStorage, withSlots } from './slot.js';
import { pointRow } from './table.js';

/** A hook with what its owner said about it. */
export interface RegisteredHook {
  /** shown in messages: `hooks.toml:12 exec /usr/libexec/cache`, `driver copy` */
  owner: string;
  /** names its state in a bundle */
  key: string;
  run: (context: never) => unknown;
  onFailure: OnFailure;
  /** seconds; 0 = without limit */
  timeout: number;
  /** true: its LayerhookErrors end the operation unchanged, and are not the cause of a HOOK_FAILED */
  ownErrors: boolean;
}

/** What is common to all calls of one dispatcher. */
export interface CallScope {
  log: Logger;
  signal: AbortSignal;
  slots: SlotStorage;
  states: HookStates;
}

/** How long an aborted hook may clean up before it is left alone, ms. exec hooks are killed within it. */
const abortGrace = 1500;
/** How often a hook that does not end is named in the log, ms. */
const reminder = 30_000;

/**
 * Calls one hook and waits for it and for what `settle` makes of its result, until its timeout or an abort.
 *
 * @param settle checks the result, or collects a stream; fails under the name of the hook
 * @throws HOOK_FAILED, HOOK_RESULT, HOOK_TIMEOUT with the error below as cause; HOOK_MISSING; ABORTED; the hook's own errors
 */
export async function callHook<T>(
  hook: RegisteredHook,
  point: PointName,
  context: object,
  scope: CallScope,
  settle: (value: unknown, signal: AbortSignal) => T | Promise<T>,
): Promise<T | Declined> {
  if (scope.signal.aborted) throw aborted(hook, point, scope.signal.reason);
  const watch = new Watch(hook, point, scope);
  const { signal } = watch;
  // `performance` takes a millisecond to load
  const started = Date.now();
  const called = span(point, `${hook.owner}${layerOf(context)}`, 'hooks');
  try {
    const own = { ...stateFor(hook, point, scope), log: named(scope.log, hook.owner), signal };
    const work = runHook(hook, withSlots({ ...context, ...own }, scope.slots), scope.states, settle);
    const outcome = await Promise.race([work, abandonment(signal)]);
    scope.log.debug(`${hook.owner} ended`, { point, ms: Date.now() - started });
    return outcome;
  } catch (error) {
    if (scope.signal.aborted) throw aborted(hook, point, error);
    throw failureOf(hook, error, { point, layer: layerOf(context), isLate: watch.isLate });
  } finally {
    called();
    watch.end();
  }
}

/** Stops a hook at its timeout or when the operation is aborted, and names a hook that does not end in the log. */
class Watch {
  readonly #stop = new AbortController();
  readonly #operation: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #reminder: NodeJS.Timeout;
  /** true after the timeout */
  isLate = false;

  constructor(hook: RegisteredHook, point: PointName, { signal, log }: CallScope) {
    this.#operation = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (hook.timeout > 0) this.#timer = setTimeout(() => this.#expire(), hook.timeout * 1000);
    this.#reminder = setInterval(() => log.info(`still waiting for ${hook.owner} at ${point}`), reminder);
  }

  /** aborted when the hook must stop */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#reminder);
    this.#operation.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => this.#stop.abort(this.#operation.reason);

  #expire(): void {
    this.isLate = true;
    this.#stop.abort(new Error('timeout'));
  }
}

/** Returns the error of an operation whose hook has failed. */
function failureOf(
  { owner, timeout, ownErrors }: RegisteredHook,
  error: unknown,
  { point, layer, isLate }: { point: PointName; layer: string; isLate: boolean },
): LayerhookError {
  const where = { hook: owner, point, layer };
  if (isLate) return new LayerhookError('HOOK_TIMEOUT', { ...where, seconds: timeout }, error);
  if (isLayerhookError(error, 'HOOK_MISSING') || (ownErrors && isLayerhookError(error))) return error;
  const code = error instanceof BadResult ? 'HOOK_RESULT' : 'HOOK_FAILED';
  return new LayerhookError(code, { ...where, reason: reasonOf(error) }, error);
}

/** Returns the state of the hook at points that have a bundle. */
function stateFor(hook: RegisteredHook, point: PointName, { states }: CallScope): { state?: HookState } {
  return pointRow(point).context.state?.type === 'hook state' ? { state: states.of(hook.key) } : {};
}

async function runHook<T>(
  hook: RegisteredHook,
  context: { signal: AbortSignal; log: Logger },
  states: HookStates,
  settle: (value: unknown, signal: AbortSignal) => T | Promise<T>,
): Promise<T | Declined> {
  const value = await hook.run(context as never);
  states.check(hook.key);
  return value === declined ? declined : await settle(value, context.signal);
}

/** Rejects when the hook had its time to clean up after an abort; never settles without one. */
function abandonment(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = async (): Promise<void> => {
      const { setTimeout: wait } = await import('node:timers/promises');
      await wait(abortGrace, undefined, { ref: false });
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
  });
}

function aborted(hook: RegisteredHook, point: PointName, cause: unknown): LayerhookError {
  if (isLayerhookError(cause, 'ABORTED')) return cause;
  return new LayerhookError('ABORTED', { what: `${hook.owner} at ${point}` }, cause);
}

function layerOf(context: object): string {
  const { descriptor, chainID } = context as { descriptor?: { digest?: string }; chainID?: string };
  const layer = descriptor?.digest ?? chainID;
  return layer === undefined ? '' : ` for layer ${layer}`;
}

function named(log: Logger, hook: string): Logger {
  const at = (level: keyof Logger) => (message: string, fields?: Record<string, unknown>) =>
    log[level](message, { ...fields, hook });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
