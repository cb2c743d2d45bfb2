import { statSync } from 'node:fs';
import type { ByteString } from '../system/bytes.js';
import { isObject } from '../text/is-object.js';
import { parseJson, readBytes, readFailure } from '../text/json-bytes.js';
import { elements, members, slice, valueAt } from '../text/json-edit.js';
import { nearest } from '../text/nearest.js';
import { checkHook, hooksError } from './check-hook.js';
import { readHooksDirectory } from './hooks-directory.js';
import { type HookLists, hookKinds, type Log, noHooks } from './types.js';

/**
 * The hooks of several files and directories, one after the other.
 *
 * A file has hooks as config.json has them, as `{"hooks": {…}}` or as the inner object alone; a directory has files
 * with conditions, as podman's hooks.d. Directories that follow each other are read as one: a later one's file of
 * the same name takes the place of an earlier one's.
 *
 * @param paths of files and directories
 * @param spec the container's config.json, which the conditions are about
 * @throws LayerhookError RUNTIME_HOOKS for what is missing, broken, or no hook
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
  const text = read(file);
  const values = parseJson(text, (reason) => hooksError(file, reason));
  if (!isObject(values)) throw hooksError(file, 'it is no JSON object');
  const root = valueAt(text);
  const inner = members(text, root).findLast(({ key }) => key === 'hooks')?.value;
  const container = inner === undefined ? values : values.hooks;
  // as Go has it: null is as good as nothing
  if (container === null) return noHooks();
  if (!isObject(container)) throw hooksError(file, 'its hooks is no object');
  const hooks = noHooks();
  for (const { key, value } of members(text, inner ?? root)) {
    const list = container[key];
    const kind = hookKinds.find((each) => each === key);
    if (kind === undefined) {
      refuseUnknownKind(file, key, list);
      continue;
    }
    if (list === null) continue;
    if (!Array.isArray(list)) throw hooksError(file, `${key} is no list`);
    list.forEach((hook, index) => {
      checkHook(file, `${key}[${index}]`, hook);
    });
    hooks[kind].push(...elements(text, value).map((span) => slice(text, span)));
  }
  return hooks;
}

/** Other members may be there, but not what somebody meant to be hooks. */
function refuseUnknownKind(file: string, key: string, value: unknown): void {
  if (!Array.isArray(value) || !value.some((hook) => isObject(hook) && 'path' in hook)) return;
  const meant = nearest(key, hookKinds);
  throw hooksError(file, `${key} is no kind of hook${meant ? ` (did you mean ${meant}?)` : ''}`);
}

function read(file: string): ByteString {
  try {
    return readBytes(file);
  } catch (error) {
    throw hooksError(file, readFailure(error));
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
