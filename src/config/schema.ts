import { basename } from 'node:path';
import { show } from '../points/check-result.js';
import type { OnFailure, PointName } from '../points/points.js';
import { pointRow } from '../points/table.js';
import { isObject } from '../text/is-object.js';
import type { TomlFile } from '../text/toml.js';
import type { KeyPath } from '../text/toml-positions.js';
import { checkDriver } from './check-driver.js';
import { checkExec, checkPoints, checkTimeout, defaultTimeout } from './check-exec.js';
import { checkLimits } from './check-limits.js';
import { checkStore } from './check-store.js';
import { checkKeys, type Table } from './check-table.js';
import { resolveModule } from './files.js';
import type { HookEntry, LoadedConfig, ModuleRun } from './types.js';

const topKeys = ['driver', 'mtree', 'store', 'limits', 'hook'];
const hookKeys = ['point', 'exec', 'module', 'options', 'env', 'timeout', 'on-failure', 'name'];
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
    limits: checkLimits(toml),
    entries: hook.map((table, index) => checkHook(toml, ['hook', index], table)),
  };
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

function checkOnFailure(toml: TomlFile, path: KeyPath, value: unknown): OnFailure {
  if (value === 'abort' || value === 'continue' || value === 'mtree') return value;
  throw toml.invalid(path, `on-failure is ${show(value)}`, 'on-failure is "abort", "continue" or "mtree"');
}
