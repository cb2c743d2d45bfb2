import { statSync } from 'node:fs';
import { isObject } from '../text/is-object.js';
import { parseJson } from '../text/json-bytes.js';
import { elements, members, slice, valueAt } from '../text/json-edit.js';
import { didYouMean } from '../text/nearest.js';
import { checkHook, hooksError, readHookFile } from './check-hook.js';
import { readHooksDirectory } from './hooks-directory.js';
import { type HookLists, hookKinds, type Log, noHooks } from './types.js';

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
export function readHooksFile(file: string): HookLists {
  const text = readHookFile(file);
  const values = parseJson(text, (reason) => hooksError(file, reason));
  if (!isObject(values)) throw hooksError(file, 'it is not a JSON object');
  const root = valueAt(text);
  const inner = members(text, root).findLast(({ key }) => key === 'hooks')?.value;
  const container = inner === undefined ? values : values.hooks;
  // as in Go, null means that the value is missing
  if (container === null) return noHooks();
  if (!isObject(container)) throw hooksError(file, 'its hooks is not an object');
  const hooks = noHooks();
  for (const { key, value } of members(text, inner ?? root)) {
    const list = container[key];
    const kind = hookKinds.find((each) => each === key);
    if (kind === undefined) {
      refuseUnknownKind(file, key, list);
      continue;
    }
    if (list === null) continue;
    if (!Array.isArray(list)) throw hooksError(file, `${key} is not a list`);
    list.forEach((hook, index) => {
      checkHook(file, `${key}[${index}]`, hook);
    });
    hooks[kind].push(...elements(text, value).map((span) => slice(text, span)));
  }
  return hooks;
}

/** Throws for an unknown member that holds hooks, which is a misspelt kind. Other unknown members are ignored. */
function refuseUnknownKind(file: string, key: string, value: unknown): void {
  if (!Array.isArray(value) || !value.some((hook) => isObject(hook) && 'path' in hook)) return;
  throw hooksError(file, `unknown kind of hook ${key}${didYouMean(key, hookKinds)}`);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
