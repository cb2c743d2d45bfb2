import { engines } from './engines.js';
import type { FileChange } from './files.js';
import { planAddition, planRemoval } from './plan.js';
import type { AddedRuntime, Addition, EngineFormat, EngineName, Presence } from './types.js';

export interface EngineTarget {
  engine: EngineName;
  /** absolute path; default: the engine's own default */
  file?: string | undefined;
}

export interface ConfigureOptions extends EngineTarget, AddedRuntime {
  /** True to write a drop-in file beside the configuration, for engines that read such files. */
  dropIn: boolean;
}

/**
 * Returns the files to write so that an engine gets a runtime; an empty list if its configuration has it already.
 *
 * @throws LayerhookError CTK_CONFIG if the configuration cannot be changed
 */
export function planConfigure({ engine, file, dropIn, ...added }: ConfigureOptions): FileChange[] {
  const format = engines[engine];
  return planAddition({ format, file: file ?? format.file }, runtimeAddition(format, added), { dropIn });
}

/**
 * Returns the files to write so that an engine loses a runtime and gets its former default runtime back.
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
