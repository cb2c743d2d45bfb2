import { show } from '../points/check-result.js';
import type { PointName } from '../points/points.js';
import { isPoint, pointNames } from '../points/table.js';
import { didYouMean } from '../text/nearest.js';
import type { TomlFile } from '../text/toml.js';
import type { KeyPath } from '../text/toml-positions.js';
import type { Table } from './check-table.js';
import { checkProgram } from './files.js';
import type { ExecRun } from './types.js';

/** Seconds that an exec hook may take if its table does not say: enough to copy a large layer. */
export const defaultTimeout = 300;
/** Seconds; setTimeout takes no more than 24 days. */
const longestTimeout = 1_000_000;

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

export function checkExec(toml: TomlFile, path: KeyPath, { exec, env = [], options }: Table): ExecRun {
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

export function checkTimeout(toml: TomlFile, path: KeyPath, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= longestTimeout) return value;
  throw toml.invalid(
    path,
    `timeout is ${show(value)}`,
    `timeout is in seconds, 0 (none) to ${longestTimeout}`,
  );
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

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
