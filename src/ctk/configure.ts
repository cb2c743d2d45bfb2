import { engines } from './engines.js';
import type { FileChange } from './files.js';
import { planAddition, planRemoval } from './plan.js';
import type { AddedRuntime, Addition, EngineFormat, EngineName, Presence } from './types.js';

export interface EngineTarget {
  engine: EngineName;
  /** absolute path; default: where the engine has it */
  file?: string | undefined;
}

export interface ConfigureOptions extends EngineTarget, AddedRuntime {
  /** write a file of our own beside the configuration, where the engine reads such files */
  dropIn: boolean;
}

/**
 * What to write so that an engine knows a runtime. Nothing if it does already, as asked.
 *
 * @throws LayerhookError CTK_CONFIG, and nothing is to be written then
 */
export function planConfigure({ engine, file, dropIn, ...added }: ConfigureOptions): FileChange[] {
  const format = engines[engine];
  return planAddition({ format, file: file ?? format.file }, runtimeAddition(format, added), { dropIn });
}

/**
 * What to write so that an engine no longer knows a runtime; the former default runtime is given back.
 *
 * @throws LayerhookError CTK_CONFIG
 */
export function planUnconfigure({ engine, file, name }: EngineTarget & { name: string }): FileChange[] {
  const format = engines[engine];
  return planRemoval({ format, file: file ?? format.file }, runtimePresence(format, name));
}

function runtimeAddition(format: EngineFormat, added: AddedRuntime): Addition {
  const { name, path, isDefault } = added;
  return {
    ...runtimePresence(format, name),
    isAsAsked(text) {
      const { runtimes, defaultRuntime } = format.read(text);
      return runtimes.get(name) === path && (!isDefault || defaultRuntime === name);
    },
    add: (text, inherited) => format.add(text, added, inherited),
    former(text, old) {
      const { defaultRuntime } = format.read(text);
      return defaultRuntime === name ? (old ?? null) : (defaultRuntime ?? null);
    },
    tables: (text) => format.tables(text),
  };
}

function runtimePresence(format: EngineFormat, name: string): Presence {
  return {
    key: name,
    dropInName: `zz-${name}`,
    isThere(text) {
      const { runtimes, defaultRuntime } = format.read(text);
      return runtimes.has(name) || defaultRuntime === name;
    },
    remove: (text, formerDefault) =>
      format.remove(text, name, typeof formerDefault === 'string' ? formerDefault : undefined),
  };
}
