import { reasonOf } from '../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import type { Change } from '../layer/types.js';
import type { Logger } from '../system/logger.js';
import { type CallScope, callHook, type RegisteredHook } from './call.js';
import { checkResult } from './check-result.js';
import { collectDelta } from './delta.js';
import { HookStates } from './hook-state.js';
import {
  type BaseContext,
  type BundleContext,
  type Declined,
  type DeltaEntry,
  declined,
  type HookSet,
  type LifecyclePoints,
  type OnFailure,
  type PointContext,
  type PointKind,
  type PointName,
  type PointResult,
} from './points.js';
import { endSlots } from './slot.js';
import { isPoint, pointNames, pointRow } from './table.js';

/** A hook set as the dispatcher takes it. */
export interface HookSource extends Omit<HookSet, 'name'> {
  /** shown in messages: `hooks.toml:12 exec /usr/libexec/cache`, `driver copy` */
  owner: string;
  /** names its state in a bundle, also after a line of hooks.toml moved; default: `owner` */
  key?: string | undefined;
  /** true: a LayerhookError of a hook is the operation's, as a driver's is; default: it is the cause of a HOOK_FAILED */
  ownErrors?: boolean;
}

/** Returns named hook sets as the dispatcher takes them, in the same order. */
export function hookSources(sets: readonly HookSet[] = []): HookSource[] {
  return sets.map(({ name, ...set }) => ({ owner: name, ...set }));
}

type PointsOfKind<K extends PointKind> = {
  [P in PointName]: LifecyclePoints[P]['kind'] extends K ? P : never;
}[PointName];

/** A context; `signal` and `log` are the dispatcher's if they are not given. Each hook gets its own `state`. */
type DispatchContext<P extends PointName> = Omit<PointContext<P>, 'signal' | 'log' | OwnState<P>> &
  Partial<BaseContext>;

type OwnState<P extends PointName> = PointContext<P> extends BundleContext ? 'state' : never;

/** What a `first` point ends with: a stream of changes is collected, all else is as the hook gave it. */
type FirstResult<P extends PointName> =
  PointResult<P> extends Iterable<DeltaEntry> | AsyncIterable<DeltaEntry> ? Change[] : PointResult<P>;

type FirstOutcome<P extends PointName> =
  /** `timeout`: seconds that the hook may take; 0: without limit */
  | { handled: true; by: string; timeout: number; result: FirstResult<P> }
  /** `fallback`: a hook failed whose `on-failure` says what to do instead; `error` is its failure */
  | { handled: false; fallback?: 'mtree'; error?: unknown };

export interface PointDescription {
  point: PointName;
  kind: PointKind;
  called: string;
  handlers: { owner: string; onFailure: OnFailure; timeout: number }[];
}

/** Calls hooks: one runner a kind. Each throws what {@link callHook} does. */
export interface Dispatcher {
  /**
   * Asks in order until one handles it.
   *
   * @param context a function makes a context for each hook, right before the hook is called
   * @param check throws if the hook did not do what its result says; the hook then counts as failed
   */
  first<P extends PointsOfKind<'first'>>(
    point: P,
    context: DispatchContext<P> | (() => Promise<DispatchContext<P>>),
    check?: (result: FirstResult<P>) => Promise<void>,
  ): Promise<FirstOutcome<P>>;
  /** Calls all, in order. */
  every<P extends PointsOfKind<'every'>>(point: P, context: DispatchContext<P>): Promise<void>;
  /** Gives each the value of the one before, and returns the last; without hooks the value as it came. */
  chain<P extends PointsOfKind<'chain'>>(point: P, context: DispatchContext<P>): Promise<PointResult<P>>;
  /** True if a hook is registered at the point. */
  handles(point: PointName): boolean;
  /** Ends what hooks keep in slots. Call it when no hook runs. */
  close(): Promise<void>;
  /** Returns all points in the order of the flow, with the hooks of each in the order of their calls. */
  describe(): PointDescription[];
}

/**
 * Creates a dispatcher that calls hooks in the order of `sources`.
 *
 * @throws HOOK_UNKNOWN_POINT for a hook at no point; HOOK_INVALID for a hook that is not a function or has a wrong `onFailure`
 */
export function createDispatcher(
  sources: readonly HookSource[],
  { states = new HookStates(), ...base }: BaseContext & { states?: HookStates },
): Dispatcher {
  const scope: CallScope = { ...base, states, slots: new Map() };
  const registered = register(sources);
  const at = (point: PointName): RegisteredHook[] => registered.get(point) ?? [];
  return {
    first: (point, context, check) => runFirst(at(point), point, context, scope, check),
    every: (point, context) => runEvery(at(point), point, context, scope),
    chain: (point, context) => runChain(at(point), point, context, scope),
    handles: (point) => at(point).length > 0,
    close: () => endSlots(scope.slots),
    describe: () =>
      pointNames.map((point) => ({
        point,
        kind: pointRow(point).kind,
        called: pointRow(point).called,
        handlers: at(point).map(({ owner, onFailure, timeout }) => ({ owner, onFailure, timeout })),
      })),
  };
}

async function runFirst<P extends PointsOfKind<'first'>>(
  hooks: RegisteredHook[],
  point: P,
  context: DispatchContext<P> | (() => Promise<DispatchContext<P>>),
  own: CallScope,
  check: (result: FirstResult<P>) => Promise<void> = async () => {},
): Promise<FirstOutcome<P>> {
  for (const hook of hooks) {
    const given = typeof context === 'function' ? await context() : context;
    const scope = scopeOf(given, own);
    const settle = async (value: unknown, signal: AbortSignal): Promise<FirstResult<P>> => {
      const result = (await settleFirst(point, given, value, signal)) as FirstResult<P>;
      await check(result);
      return result;
    };
    try {
      const result = await callHook(hook, point, given, scope, settle);
      if (result !== declined) return { handled: true, by: hook.owner, timeout: hook.timeout, result };
    } catch (error) {
      if (hook.onFailure === 'abort' || isLayerhookError(error, 'ABORTED')) throw error;
      if (hook.onFailure === 'mtree') {
        logFailure(scope.log, error, 'falling back to the mtree manifest');
        return { handled: false, fallback: 'mtree', error };
      }
      logFailure(scope.log, error, 'going on as if it had declined');
    }
  }
  return { handled: false };
}

function settleFirst(point: PointName, context: object, value: unknown, signal: AbortSignal): unknown {
  return pointRow(point).result.form === 'stream'
    ? collectDelta(value, (context as { rootfs: string }).rootfs, signal)
    : checkResult(point, value);
}

async function runEvery<P extends PointsOfKind<'every'>>(
  hooks: RegisteredHook[],
  point: P,
  context: DispatchContext<P>,
  own: CallScope,
): Promise<void> {
  const scope = scopeOf(context, own);
  for (const hook of hooks) {
    try {
      await callHook(hook, point, context, scope, (value) => checkResult(point, value));
    } catch (error) {
      if (hook.onFailure !== 'continue' || isLayerhookError(error, 'ABORTED')) throw error;
      logFailure(scope.log, error, 'going on');
    }
  }
}

async function runChain<P extends PointsOfKind<'chain'>>(
  hooks: RegisteredHook[],
  point: P,
  context: DispatchContext<P>,
  own: CallScope,
): Promise<PointResult<P>> {
  const scope = scopeOf(context, own);
  const { result } = pointRow(point);
  if (result.form !== 'whole') throw new TypeError(`${point} carries nothing from hook to hook`);
  const { field } = result;
  let value = (context as unknown as PointContext<P>)[field] as PointResult<P>;
  for (const hook of hooks) {
    // a copy of its own: what a hook does to it and then declines must not be seen
    const copy = { ...context, [field]: structuredClone(value) };
    const given: PointResult<P> | Declined = await callHook(hook, point, copy, scope, (returned) =>
      checkResult(point, returned),
    );
    if (given !== declined) value = given;
  }
  return value;
}

function register(sources: readonly HookSource[]): Map<PointName, RegisteredHook[]> {
  const registered = new Map<PointName, RegisteredHook[]>();
  for (const { owner, key = owner, hooks, onFailure = 'abort', timeout = 0, ownErrors = false } of sources) {
    for (const [point, run] of Object.entries(hooks)) {
      if (!isPoint(point)) throw new LayerhookError('HOOK_UNKNOWN_POINT', { point, hook: owner });
      if (run === undefined) continue;
      if (typeof run !== 'function') throw unusable(owner, point, 'is not a function');
      if (!pointRow(point).onFailure.includes(onFailure)) {
        throw unusable(owner, point, `cannot have on-failure ${onFailure}`);
      }
      const list = registered.get(point) ?? [];
      list.push({ owner, key, run, onFailure, timeout, ownErrors });
      registered.set(point, list);
    }
  }
  return registered;
}

function unusable(owner: string, point: PointName, reason: string): LayerhookError {
  return new LayerhookError('HOOK_INVALID', { hook: owner, point, reason });
}

function scopeOf(context: Partial<BaseContext>, { log, signal, ...rest }: CallScope): CallScope {
  return { log: context.log ?? log, signal: context.signal ?? signal, ...rest };
}

function logFailure(log: Logger, error: unknown, then: string): void {
  log.warn(`${reasonOf(error)}; ${then}`);
}
