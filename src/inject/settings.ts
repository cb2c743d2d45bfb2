import { existsSync } from 'node:fs';
import { isInUserNamespace } from '../system/user-namespace.js';
import { didYouMean } from '../text/nearest.js';
import type { TomlFile } from '../text/toml.js';
import type { HookOrder, LogLevel } from './types.js';

/** The settings of runtime.toml. */
export interface RuntimeSettings {
  /** the file; undefined without one */
  file: string | undefined;
  /** files and directories of hooks; undefined if the file names none and the default file is missing */
  hooks: readonly string[] | undefined;
  /** names or paths of low-level runtimes; the first that exists is used */
  runtimes: readonly string[];
  order: HookOrder;
  log: string | undefined;
  logLevel: LogLevel;
  onError: 'fail' | 'pass-through';
}

export const defaultConfigFile = '/etc/layerhook/runtime.toml';
const defaultHooksFile = '/etc/layerhook/hooks.json';
const defaultRuntimes: readonly string[] = ['runc', 'docker-runc', 'crun'];

/** The settings if the command line gives hooks and runtime, as for oci-add-hooks. */
export const noSettings: RuntimeSettings = {
  file: undefined,
  hooks: undefined,
  runtimes: defaultRuntimes,
  order: 'before',
  log: undefined,
  logLevel: 'info',
  onError: 'fail',
};

/** The keys of runtime.toml, with their types or allowed values. */
export const settingKeys = {
  hooks: 'strings',
  runtimes: 'strings',
  order: ['before', 'after'],
  log: 'string',
  'log-level': ['debug', 'info', 'warn', 'error'],
  'on-error': ['fail', 'pass-through'],
} as const;

/**
 * Reads a runtime.toml, which only root and the user of this process may be able to write.
 *
 * @param named a file, which must exist; undefined for the default file, which may be missing
 * @throws LayerhookError CONFIG_UNREADABLE, CONFIG_INVALID with line
 */
export async function readSettings(named: string | undefined): Promise<RuntimeSettings> {
  const file = named ?? defaultConfigFile;
  if (named === undefined && !existsSync(file)) return { ...noSettings, hooks: defaultHooks() };
  const { readToml } = await import('../text/toml.js');
  // in a user namespace, root's files have the overflow owner; an attacker in it would gain nothing
  return checkSettings(await readToml(file, { trust: !isInUserNamespace() }));
}

function defaultHooks(): string[] | undefined {
  return existsSync(defaultHooksFile) ? [defaultHooksFile] : undefined;
}

/** @throws LayerhookError CONFIG_INVALID with line */
export function checkSettings(toml: TomlFile): RuntimeSettings {
  const { values } = toml;
  const names = Object.keys(settingKeys);
  for (const key of Object.keys(values)) {
    if (names.includes(key)) continue;
    throw toml.invalid([key], `unknown key ${key}${didYouMean(key, names)}`, `known are ${names.join(', ')}`);
  }
  const oneOf = <T extends string>(key: string, allowed: readonly T[], otherwise: T): T => {
    const value = values[key] ?? otherwise;
    const found = allowed.find((each) => each === value);
    if (found !== undefined) return found;
    const choices = allowed.map((each) => `"${each}"`).join(' or ');
    throw toml.invalid([key], `${key} is ${JSON.stringify(value)}`, `${key} is ${choices}`);
  };
  return {
    file: toml.file,
    hooks: strings(toml, 'hooks') ?? defaultHooks(),
    runtimes: strings(toml, 'runtimes') ?? defaultRuntimes,
    order: oneOf('order', settingKeys.order, 'before'),
    log: strings(toml, 'log')?.[0],
    logLevel: oneOf('log-level', settingKeys['log-level'], 'info'),
    onError: oneOf('on-error', settingKeys['on-error'], 'fail'),
  };
}

/** Returns the value of a key as a list: a string or, except for `log`, a list of strings. */
function strings(toml: TomlFile, key: 'hooks' | 'runtimes' | 'log'): string[] | undefined {
  const value = toml.values[key];
  if (value === undefined) return undefined;
  const list = Array.isArray(value) && key !== 'log' ? value : [value];
  if (list.length > 0 && list.every((each) => typeof each === 'string' && each !== '')) return list;
  const expected = key === 'log' ? `${key} is a path` : `${key} is a list of strings`;
  throw toml.invalid([key], `${key} is ${JSON.stringify(value)}`, expected);
}
