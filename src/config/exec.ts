import { type Limits, limitOf } from '../errors/index.js';
import { BadResult, show } from '../points/check-result.js';
import {
  type Declined,
  type Driver,
  declined,
  type Hook,
  type HookState,
  type PointContext,
  type PointName,
} from '../points/points.js';
import { pointRow } from '../points/table.js';
import { isObject } from '../text/is-object.js';
import { encodeContext } from './context-json.js';
import { hookEnvironment } from './environment.js';
import { parseOutput } from './output.js';
import { runProcess } from './process.js';
import type { DriverProgram, ExecRun } from './types.js';

/** What an exec hook exits with to say: not mine. */
const declinedStatus = 77;

/** How an exec hook is run at a point. */
export interface ExecCall {
  argv: [string, ...string[]];
  env: Record<string, string>;
  cwd: string;
  /** bytes that it may write to stdout */
  maxOutput: number;
}

/** A function hook that runs a program; docs/hook-protocol.md describes what passes between the two. */
export function execHook<P extends PointName>(run: ExecRun, point: P, limits: Limits = {}): Hook<P> {
  return (context) => callProgram(run, point, context, limits) as ReturnType<Hook<P>>;
}

/**
 * A driver that is a program: it runs at each of its points, as an exec hook does.
 *
 * @param store absolute path of the directory for layers, which the program gets as LAYERHOOK_STORE
 */
export function execDriver(
  name: string,
  { points, timeout, ...run }: DriverProgram,
  { store, limits }: { store: string; limits?: Limits | undefined },
): Driver {
  const withStore = { ...run, env: { ...run.env, LAYERHOOK_STORE: store } };
  const hooks = Object.fromEntries(points.map((point) => [point, execHook(withStore, point, limits)]));
  return { name, hooks, timeout };
}

/** The call that an exec hook makes, which `hooks check` shows. */
export function execCall({ argv, env }: ExecRun, point: PointName, limits: Limits = {}): ExecCall {
  const isStream = pointRow(point).result.form === 'stream';
  return {
    argv: [...argv, point],
    env: hookEnvironment(point, env),
    cwd: '/',
    maxOutput: limitOf(limits, isStream ? 'hook-output' : 'hook-answer'),
  };
}

async function callProgram<P extends PointName>(
  run: ExecRun,
  point: P,
  context: PointContext<P>,
  limits: Limits,
): Promise<Declined | unknown> {
  const { signal, log } = context;
  const end = await runProcess(execCall(run, point, limits), {
    input: encodeContext(point, context),
    signal,
    onLine: (line) => log.info(line),
  });
  if (end.leftBehind) log.warn('ended, but left processes behind that hold its output open');
  if (end.status === declinedStatus) return declined;
  if (end.status !== 0) throw new Error(`${end.how}${end.lastLine === '' ? '' : `: ${end.lastLine}`}`);
  return applyAnswer(point, context, parseOutput(point, end.output));
}

/**
 * Does what a program can ask for beside its result: keep the keys of `state` with the bundle (null removes one), and at refresh-bundle `unpack` the new
 * layer. Function hooks change `context.state` and call `context.unpackLayer()`.
 *
 * @returns the result
 */
async function applyAnswer(point: PointName, context: object, answer: unknown): Promise<unknown> {
  const { form } = pointRow(point).result;
  if (!isObject(answer) || form === 'stream' || form === 'whole') return answer;
  const { state, unpackLayer } = context as { state: HookState; unpackLayer?: () => Promise<void> };
  const { state: kept, unpack = false, ...result } = answer;
  const asksOf = (key: string) => Object.hasOwn(answer, key);
  if (asksOf('state')) {
    if (pointRow(point).context.state?.type !== 'hook state')
      throw new BadResult('this point keeps no state');
    if (!isObject(kept)) throw new BadResult(`state: expected an object, got ${show(kept)}`);
    // key by key: calls for several layers may overlap
    for (const [key, value] of Object.entries(kept)) {
      if (value === null) delete state[key];
      else state[key] = value;
    }
  }
  if (asksOf('unpack')) {
    if (unpackLayer === undefined) throw new BadResult('unpack: only at repack.ociv1.layer.refresh-bundle');
    if (typeof unpack !== 'boolean')
      throw new BadResult(`unpack: expected true or false, got ${show(unpack)}`);
    if (unpack) await unpackLayer();
  }
  return form === 'none' && Object.keys(result).length === 0 ? undefined : result;
}
