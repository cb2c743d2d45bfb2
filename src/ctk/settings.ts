import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { checkSettings, defaultConfigFile, settingKeys } from '../inject/settings.js';
import { nearest } from '../text/nearest.js';
import { parseToml, setValue } from '../text/toml-edit.js';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';

/** The names of settings in container-hooks-ctk, and our names. */
const otherNames: Readonly<Record<string, string>> = {
  'container-hooks.path': 'hooks',
  'container-hooks-runtime.debug': 'log',
  'container-hooks-runtime.log-level': 'log-level',
  'container-hooks-runtime.runtimes': 'runtimes',
};

/** Returns the runtime.toml that `ctk config` writes if the file is missing. */
function freshSettings(hooksFile: string): string {
  return `# Settings of layerhook-runtime; docs/runtime.md describes them.

# files and directories of hooks
hooks = [${JSON.stringify(hooksFile)}]

# names or paths of low-level runtimes: the first that exists is used
runtimes = ["runc", "docker-runc", "crun"]

# "before" or "after": position of the hooks relative to those that a container already has
order = "before"

# log = "/var/log/layerhook-runtime.log"

# debug, info, warn or error
log-level = "info"

# "fail" or "pass-through": whether a container with broken hooks fails, or starts without them
on-error = "fail"
`;
}

/**
 * Returns the files to write for `ctk config`: the changed or new runtime.toml, and beside a new one an empty file of
 * hooks, if runtime.toml names it and it does not exist.
 *
 * @param file default: /etc/layerhook/runtime.toml
 * @param sets `key=value`; commas separate the items of a list
 * @throws LayerhookError USAGE, CTK_CONFIG, CONFIG_INVALID
 */
export function planSettings(file = defaultConfigFile, sets: readonly string[] = []): FileChange[] {
  const before = readText(file);
  const hooksFile = join(dirname(file), 'hooks.json');
  const after = sets.reduce(setOption, before ?? freshSettings(hooksFile));
  const values = parseToml(after, (reason) => configError(file, reason));
  const { hooks = [] } = checkSettings({
    file,
    values,
    lineOf: () => 1,
    invalid: (path, reason, expected) => configError(file, `${path.join('.')}: ${reason}; ${expected}`),
  });
  const changes: FileChange[] = after === before ? [] : [{ file, before, after }];
  if (before !== undefined || !hooks.includes(hooksFile) || existsSync(hooksFile)) return changes;
  return [{ file: hooksFile, before: undefined, after: '{\n  "hooks": {}\n}\n' }, ...changes];
}

function setOption(text: string, option: string): string {
  const at = option.indexOf('=');
  const given = at === -1 ? option : option.slice(0, at);
  const key = otherNames[given] ?? given;
  const type = settingKeys[key as keyof typeof settingKeys];
  if (type === undefined) {
    const meant = nearest(key, Object.keys(settingKeys));
    throw usage(`--set ${option}: unknown setting ${key}${meant ? ` (did you mean ${meant}?)` : ''}`);
  }
  if (at === -1) throw usage(`--set ${option}: missing value`);
  const value = option.slice(at + 1);
  return setValue(text, [], key, type === 'strings' ? value.split(',') : value);
}

function usage(reason: string): LayerhookError {
  return new LayerhookError('USAGE', { reason, command: 'layerhook ctk config' });
}
