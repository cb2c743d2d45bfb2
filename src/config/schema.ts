import { basename } from 'node:path';
import { show } from '../points/check-result.js';
import type { OnFailure, PointName } from '../points/points.js';
import { isPoint, pointNames, pointRow } from '../points/table.js';
import { isObject } from '../text/is-object.js';
import { didYouMean } from '../text/nearest.js';
import type { TomlFile } from '../text/toml.js';
import type { KeyPath } from '../text/toml-positions.js';
import { checkStore } from './check-store.js';
import { checkKeys, type Table } from './check-table.js';
import { checkProgram, resolveModule } from './files.js';
import type { DriverChoice, ExecRun, HookEntry, LoadedConfig, ModuleRun } from './types.js';

const topKeys = ['driver', 'mtree', 'store', 'hook'];
const hookKeys = ['point', 'exec', 'module', 'options', 'env', 'timeout', 'on-failure', 'name'];
/** Seconds that an exec hook may take if its table does not say: enough to copy a large layer. */
const defaultTimeout = 300;
/** Seconds; setTimeout takes no more than 24 days. */
const longestTimeout = 1_000_000;

/**
 * Checks all that can be known without running anything: keys, types, points, files.
 *
 * @throws CONFIG_INVALID with line
 */
export function checkConfig(toml: TomlFile): Omit<LoadedConfig, 'sources'> {
  const { values } = toml;
  checkKeys(toml, [], values, topKeys);
  const { mtree = null, hook = [] } = values;
  if (mtree !== null && mtree !== 'always' && mtree !== 'never') {
    throw toml.invalid(['mtree'], `mtree is ${show(mtree)}`, 'mtree is "always" or "never"');
  }
  if (!Array.isArray(hook))
    throw toml.invalid(['hook'], 'hook is one table', 'each hook starts with [[hook]]');
  return {
    file: toml.file,
    driver: checkDriver(toml),
    mtree,
    ...checkStore(toml),
    entries: hook.map((table, index) => checkHook(toml, ['hook', index], table)),
  };
}

/** The points of one or several names. */
export function checkPoints(toml: TomlFile, path: KeyPath, value: unknown): PointName[] {
  const names = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(names) || names.length === 0) {
    throw toml.invalid(
      path,
      `point is ${show(value)}`,
      'point is the name of a lifecycle point, or a list of them',
    );
  }
  return names.map((name) => {
    if (typeof name === 'string' && isPoint(name)) return name;
    const meant = typeof name === 'string' ? didYouMean(name, pointNames) : '';
    throw toml.invalid(
      path,
      `${show(name)} is not a lifecycle point${meant}`,
      'layerhook hooks list shows them all',
    );
  });
}

/** Whether each point of a hook allows what it does when it fails. */
export function checkPolicy(toml: TomlFile, path: KeyPath, points: PointName[], onFailure: OnFailure): void {
  for (const point of points) {
    const allowed = pointRow(point).onFailure;
    if (allowed.includes(onFailure)) continue;
    throw toml.invalid(
      [...path, 'on-failure'],
      `on-failure = "${onFailure}" cannot be at ${point}`,
      `there it is ${allowed.map((policy) => `"${policy}"`).join(' or ')}`,
    );
  }
}

function checkHook(toml: TomlFile, path: KeyPath, table: unknown): HookEntry {
  if (!isObject(table))
    throw toml.invalid(path, `a hook is ${show(table)}`, 'each hook starts with [[hook]]');
  checkKeys(toml, path, table, hookKeys);
  const { exec, module, name } = table;
  if ((exec === undefined) === (module === undefined)) {
    const reason = exec === undefined ? 'this hook runs nothing' : 'this hook has both exec and module';
    throw toml.invalid(
      path,
      reason,
      'a hook has either exec = ["/path/of/program"] or module = "./file.mjs"',
    );
  }
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw toml.invalid([...path, 'name'], `name is ${show(name)}`, 'name is a word for messages');
  }
  const run = exec === undefined ? checkModule(toml, path, table) : checkExec(toml, path, table);
  const isNeeded = run.type === 'exec' || table.point !== undefined;
  const points = isNeeded ? checkPoints(toml, [...path, 'point'], table.point) : [];
  const onFailure = checkOnFailure(toml, [...path, 'on-failure'], table['on-failure'] ?? 'abort');
  checkPolicy(toml, path, points, onFailure);
  const line = toml.lineOf(path);
  const what = name ?? (run.type === 'exec' ? `exec ${run.argv[0]}` : `module ${run.file}`);
  return {
    line,
    owner: `${basename(toml.file)}:${line} ${what}`,
    key: what,
    points,
    run,
    timeout: checkTimeout(
      toml,
      [...path, 'timeout'],
      table.timeout ?? (run.type === 'exec' ? defaultTimeout : 0),
    ),
    onFailure,
  };
}

function checkExec(toml: TomlFile, path: KeyPath, { exec, env = [], options }: Table): ExecRun {
  if (!isStrings(exec) || exec.length === 0) {
    throw toml.invalid([...path, 'exec'], `exec is ${show(exec)}`, 'exec = ["/path/of/program", "argument"]');
  }
  if (exec.some((word) => word.includes('\0')))
    throw toml.invalid([...path, 'exec'], 'exec has a NUL byte', 'programs cannot get one');
  if (options !== undefined) {
    throw toml.invalid(
      [...path, 'options'],
      'an exec hook has options',
      'options are for modules; use arguments',
    );
  }
  checkProgram(toml, [...path, 'exec'], exec[0] as string);
  return { type: 'exec', argv: exec as [string, ...string[]], env: checkEnv(toml, [...path, 'env'], env) };
}

function checkModule(toml: TomlFile, path: KeyPath, { module, env, options = {} }: Table): ModuleRun {
  if (env !== undefined) {
    throw toml.invalid([...path, 'env'], 'a module has env', 'env is for exec hooks; a module has options');
  }
  if (!isObject(options)) {
    throw toml.invalid(
      [...path, 'options'],
      `options is ${show(options)}`,
      'options is a table: [hook.options]',
    );
  }
  return { type: 'module', file: resolveModule(toml, [...path, 'module'], module), options };
}

function checkEnv(toml: TomlFile, path: KeyPath, value: unknown): Record<string, string> {
  const expected = 'env is a list of "NAME=value"';
  if (!isStrings(value)) throw toml.invalid(path, `env is ${show(value)}`, expected);
  const env: Record<string, string> = {};
  for (const item of value) {
    const [, name, text] = /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/.exec(item) ?? [];
    if (name === undefined || text === undefined) throw toml.invalid(path, `env has ${show(item)}`, expected);
    if (name.startsWith('LAYERHOOK_'))
      throw toml.invalid(path, `env sets ${name}`, 'LAYERHOOK_ names are ours');
    env[name] = text;
  }
  return env;
}

function checkDriver(toml: TomlFile): DriverChoice | null {
  const { driver } = toml.values;
  if (driver === undefined) return null;
  const { name, ...options } = isObject(driver) ? driver : { name: driver };
  if (typeof name !== 'string' || name === '') {
    throw toml.invalid(
      ['driver', 'name'],
      `the driver is ${show(driver)}`,
      'driver = "copy", or [driver] with a name',
    );
  }
  const isPath = name.startsWith('.') || name.startsWith('/');
  return { name: isPath ? resolveModule(toml, ['driver', 'name'], name) : name, options };
}

function checkOnFailure(toml: TomlFile, path: KeyPath, value: unknown): OnFailure {
  if (value === 'abort' || value === 'continue' || value === 'mtree') return value;
  throw toml.invalid(path, `on-failure is ${show(value)}`, 'on-failure is "abort", "continue" or "mtree"');
}

function checkTimeout(toml: TomlFile, path: KeyPath, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= longestTimeout) return value;
  throw toml.invalid(
    path,
    `timeout is ${show(value)}`,
    `timeout is in seconds, 0 (none) to ${longestTimeout}`,
  );
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
