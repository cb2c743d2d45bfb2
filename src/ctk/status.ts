import { accessSync, constants } from 'node:fs';
import { isLayerhookError } from '../errors/index.js';
import { findRuntime } from '../inject/find-runtime.js';
import { readHooks } from '../inject/hook-files.js';
import { readSettings } from '../inject/settings.js';
import { hookKinds } from '../inject/types.js';
import { fromText } from '../system/bytes.js';
import { engineNames, engines } from './engines.js';
import { readText } from './files.js';
import { readLauncher } from './launcher.js';
import type { EngineName } from './types.js';

export interface EngineStatus {
  engine: EngineName;
  file: string;
  /** `missing`: the file does not exist; `plain`: the file lacks the runtime */
  state: 'missing' | 'plain' | 'configured' | 'broken';
  /** layerhook-runtime */
  path?: string;
  /** the low-level runtime that the engine's entry names */
  runtime?: string;
  /** True if both programs exist. */
  isInstalled?: boolean;
  defaultRuntime?: string;
  problem?: string;
}

export interface RuntimeStatus {
  file: string | undefined;
  /** the low-level runtime that layerhook-runtime would use */
  runtime?: string;
  /** number of hooks that a container without annotations would get */
  hooks?: number;
  problem?: string;
}

/** Returns whether an engine has the runtime. */
export function engineStatus(engine: EngineName, name: string, given?: string): EngineStatus {
  const format = engines[engine];
  const file = given ?? format.file;
  try {
    const text = readText(file);
    const dropIn = format.dropIn?.(file, `zz-${name}`);
    const dropped = dropIn === undefined ? undefined : readText(dropIn);
    if (text === undefined && dropped === undefined) return { engine, file, state: 'missing' };
    const { runtimes, defaultRuntime } = format.read(format.inherited(file, text ?? ''));
    const found = { engine, file, ...(defaultRuntime === undefined ? {} : { defaultRuntime }) };
    if (!runtimes.has(name)) return { ...found, state: 'plain' };
    const { path: called = '', args = [] } = runtimes.get(name) ?? {};
    const { path, program } = readLauncher(called) ?? { path: called, program: programIn(args) };
    const isInstalled = [called, path, program ?? path].every(isProgram);
    return {
      ...found,
      state: 'configured',
      path,
      ...(program === undefined ? {} : { runtime: program }),
      isInstalled,
    };
  } catch (error) {
    if (!isLayerhookError(error)) throw error;
    return { engine, file, state: 'broken', problem: String(error.details.reason ?? error.message) };
  }
}

/** Returns the settings, hooks and low-level runtime that layerhook-runtime would find. */
export async function runtimeStatus(config?: string): Promise<RuntimeStatus> {
  try {
    const { file, hooks, runtimes } = await readSettings(config);
    const lists = readHooks(hooks ?? [], {}, () => {});
    const count = hookKinds.reduce((sum, kind) => sum + lists[kind].length, 0);
    return { file, hooks: count, runtime: findRuntime(runtimes.map(fromText), process.env.PATH) };
  } catch (error) {
    if (!isLayerhookError(error)) throw error;
    return { file: config, problem: `${error.message} (${error.hint})` };
  }
}

/** Returns the low-level runtime that docker passes. */
function programIn(args: readonly string[]): string | undefined {
  return args[0] === '--runtime-path' ? args[1] : undefined;
}

export { engineNames };

/** True if the file exists and is executable. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
