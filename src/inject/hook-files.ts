import { statSync } from 'node:fs';
import { isObject } from '../text/is-object.js';
import { parseJson, readFailure } from '../text/json-bytes.js';
import { elements, members, slice, valueAt } from '../text/json-edit.js';
import { checkHook, hooksError, readHookFile, refuseUnknown } from './check-hook.js';
import { readHooksDirectory } from './hooks-directory.js';
import { type HookLists, hookKinds, type Log, noHooks } from './types.js';

/** The members of a config.json beside `hooks`: a file of hooks may be a whole config.json; runtime-spec config.md. */
const specMembers = [
  ...['version', 'ociVersion', 'process', 'root', 'hostname', 'domainname', 'mounts', 'annotations'],
  ...['linux', 'windows', 'solaris', 'vm', 'zos', 'freebsd'],
];

/**
 * Reads the hooks of files and directories, in their order.
 *
 * A file has hooks in the form of config.json: `{"hooks": {…}}`, or the inner object alone. A directory has files with
 * conditions, like podman's hooks.d. Consecutive directories are read as one: a file in a later directory replaces a
 * file of the same name in an earlier one.
 *
 * @param paths paths of files and directories
 * @param spec the container's config.json, for the conditions
 * @throws LayerhookError RUNTIME_HOOKS for a missing or malformed file, or an invalid hook
 */
export function readHooks(paths: readonly string[], spec: unknown, log: Log): HookLists {
  const hooks = noHooks();
  const directories: string[] = [];
  const add = (more: HookLists) => {
    for (const kind of hookKinds) hooks[kind].push(...more[kind]);
  };
  const addDirectories = () => {
    if (directories.length > 0) add(readHooksDirectory(directories.splice(0), spec, log));
  };
  for (const path of paths) {
    if (isDirectory(path)) directories.push(path);
    else {
      addDirectories();
      add(readHooksFile(path));
    }
  }
  addDirectories();
  return hooks;
}

/** @throws LayerhookError RUNTIME_HOOKS */
function readHooksFile(file: string): HookLists {
  const text = readHookFile(file);
  const values = parseJson(text, (reason) => hooksError(file, reason));
  if (!isObject(values)) throw hooksError(file, 'it is not a JSON object');
  const root = valueAt(text);
  const inner = members(text, root).findLast(({ key }) => key === 'hooks')?.value;
  const container = inner === undefined ? values : values.hooks;
  refuseUnknown(file, Object.keys(values), ['hooks', ...hookKinds, ...specMembers]);
  // as in Go, null means that the value is missing
  if (container === null) return noHooks();
  if (!isObject(container)) throw hooksError(file, 'its hooks is not an object');
  if (inner !== undefined) refuseUnknown(file, Object.keys(container), hookKinds);
  const hooks = noHooks();
  for (const { key, value } of members(text, inner ?? root)) {
    const list = container[key];
    const kind = hookKinds.find((each) => each === key);
    if (kind === undefined || list === null) continue;
    if (!Array.isArray(list)) throw hooksError(file, `${key} is not a list`);
    list.forEach((hook, index) => {
      checkHook(file, `${key}[${index}]`, hook);
    });
    hooks[kind].push(...elements(text, value).map((span) => slice(text, span)));
  }
  return hooks;
}

/** @throws LayerhookError RUNTIME_HOOKS for a loop of symlinks, and for a directory that may not be searched */
function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw hooksError(path, readFailure(error));
  }
}
