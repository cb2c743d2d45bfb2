import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { checkSettings, defaultConfigFile, settingKeys } from '../inject/settings.js';
import { nearest } from '../text/nearest.js';
import { parseToml, setValue } from '../text/toml-edit.js';
import { configError } from './error.js';
import { type FileChange, readText } from './files.js';

/** Names that container-hooks-ctk has for them. */
const otherNames: Readonly<Record<string, string>> = {
  'container-hooks.path': 'hooks',
  'container-hooks-runtime.debug': 'log',
  'container-hooks-runtime.log-level': 'log-level',
  'container-hooks-runtime.runtimes': 'runtimes',
};

/** The runtime.toml that `ctk config` writes where there is none. */
function freshSettings(hooksFile: string): string {
  return `# Settings of layerhook-runtime; docs/runtime.md describes them.

# files and directories of hooks
hooks = [${JSON.stringify(hooksFile)}]

# names or paths of low-level runtimes: the first that is there is used
runtimes = ["runc", "docker-runc", "crun"]

# "before" or "after": where hooks go among those that a container has already
order = "before"

# log = "/var/log/layerhook-runtime.log"

# debug, info, warn or error
log-level = "info"

# "fail" or "pass-through": what becomes of a container whose hooks are broken
on-error = "fail"
`;
}

/**
 * What to write for `ctk config`: a runtime.toml if there is none, with the settings given, and an empty file of hooks
 * beside it if it names one that is not there.
 *
 * @param file default: /etc/layerhook/runtime.toml
 * @param sets `key=value`; a list is separated by commas
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
    throw usage(`--set ${option}: ${key} is no setting${meant ? ` (did you mean ${meant}?)` : ''}`);
  }
  if (at === -1) throw usage(`--set ${option} has no value`);
  const value = option.slice(at + 1);
  return setValue(text, [], key, type === 'strings' ? value.split(',') : value);
}

function usage(reason: string): LayerhookError {
  return new LayerhookError('USAGE', { reason, command: 'layerhook ctk config' });
}
