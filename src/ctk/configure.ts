import { isDeepStrictEqual } from 'node:util';
import { engines } from './engines.js';
import type { FileChange } from './files.js';
import { isOurs, planLauncher, planNoLauncher } from './launcher.js';
import { findLowLevel, type LowLevel } from './low-level.js';
import { inFile, inheritedWithout, planAddition, planRemoval } from './plan.js';
import { readRecord } from './record.js';
import type { AddedRuntime, Addition, EngineFormat, EngineName, Presence, RuntimesFound } from './types.js';

export interface EngineTarget {
  engine: EngineName;
  /** absolute path; default: the engine's own default */
  file?: string | undefined;
}

export interface ConfigureOptions extends EngineTarget {
  name: string;
  /** absolute path of layerhook-runtime */
  path: string;
  isDefault: boolean;
  /** True to write a drop-in file beside the configuration, for engines that read such files. */
  dropIn: boolean;
  /** path or name of the low-level runtime; default: that of the engine's default runtime */
  runtimePath?: string | undefined;
}

export interface ConfigurePlan {
  changes: FileChange[];
  /** which containers get hooks, and with which low-level runtime */
  notes: string[];
  /** the same if some containers get no hooks, and what the configuration loses */
  warnings: string[];
}

/**
 * Returns the files to write so that an engine gets layerhook-runtime; an empty list if its configuration has the
 * runtime already. The engine's entry keeps the path of the low-level runtime: docker as an argument, containerd and
 * CRI-O, which pass none, in a launcher beside the configuration.
 *
 * @throws LayerhookError CTK_CONFIG if the configuration cannot be changed, or if the low-level runtime cannot be executed
 */
export function planConfigure({ engine, file, runtimePath, ...asked }: ConfigureOptions): ConfigurePlan {
  const format = engines[engine];
  const target = { format, file: file ?? format.file };
  const { name, path, isDefault, dropIn } = asked;
  const presence = runtimePresence(format, name);
  return inFile(target.file, () => {
    const found = format.read(inheritedWithout(target, presence));
    const ours = Object.keys(readRecord(target.file));
    const lowLevel = findLowLevel(engine, found, ours, runtimePath);
    const { source, program, args } = lowLevel;
    const passed = { args: isOurs(path) ? ['--runtime-path', program, ...args] : [] };
    const launcher =
      engine !== 'docker' && isOurs(path) ? planLauncher(target.file, asked, program) : undefined;
    const added = { name, isDefault, source, path: launcher?.file ?? path, ...passed };
    const changes = planAddition(target, runtimeAddition(format, added), { dropIn });
    const isNew = launcher !== undefined && launcher.before !== launcher.after;
    return { changes: isNew ? [launcher, ...changes] : changes, ...explain(asked, found, lowLevel) };
  });
}

/** Says what gets hooks. */
function explain(
  { name, isDefault }: { name: string; isDefault: boolean },
  { runtimes, defaultRuntime = 'the default runtime' }: RuntimesFound,
  { program, source }: LowLevel,
): Omit<ConfigurePlan, 'changes'> {
  const { foreign } = runtimes.get(defaultRuntime) ?? {};
  const others = new Set([...(isDefault ? [] : [defaultRuntime]), ...runtimes.keys()]);
  others.delete(name);
  const which = `containers of ${name}${isDefault ? ' and containers that name no runtime' : ''}`;
  const note = `${which} get hooks and use the low-level runtime ${program}${source === undefined ? '' : ` (${source})`}`;
  const without = `containers of ${[...others].join(', ')} get no hooks`;
  const replaced = `the default runtime was ${defaultRuntime} (${foreign}), which layerhook-runtime cannot call`;
  return {
    notes: others.size === 0 ? [note] : [],
    warnings: [
      ...(others.size === 0 ? [] : [`${note}; ${without}`]),
      ...(isDefault && foreign !== undefined ? [`${replaced}: its isolation is lost`] : []),
    ],
  };
}

/**
 * Returns the files to write so that an engine loses a runtime and gets its former default runtime back.
 *
 * @throws LayerhookError CTK_CONFIG
 */
export function planUnconfigure({ engine, file, name }: EngineTarget & { name: string }): FileChange[] {
  const format = engines[engine];
  const target = { format, file: file ?? format.file };
  return [...planRemoval(target, runtimePresence(format, name)), ...planNoLauncher(target.file, name)];
}

function runtimeAddition(format: EngineFormat, added: AddedRuntime): Addition {
  const { name, path, args = [], isDefault } = added;
  return {
    ...runtimePresence(format, name),
    isAsAsked(text) {
      const { runtimes, defaultRuntime } = format.read(text);
      const found = runtimes.get(name);
      const isSame = found?.path === path && isDeepStrictEqual(found.args ?? args, args);
      return isSame && (!isDefault || defaultRuntime === name);
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
