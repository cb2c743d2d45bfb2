import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteString } from '../system/bytes.js';
import { isObject } from '../text/is-object.js';
import { parseJson, readFailure, utf8 } from '../text/json-bytes.js';
import { members, type Span, slice, valueAt } from '../text/json-edit.js';
import { checkHook, hooksError, readHookFile } from './check-hook.js';
import { checkConditions, matches } from './conditions.js';
import { readContainer } from './container.js';
import { type HookKind, type HookLists, hookKinds, type Log, noHooks } from './types.js';

interface ConditionalHook {
  hook: ByteString;
  stages: HookKind[];
  when: ReturnType<typeof checkConditions>;
}

/**
 * Reads the hooks of directories with oci-hooks(5) files, schema 1.0.0, whose conditions the container meets. The
 * hooks and their order are those that podman and CRI-O would use.
 *
 * @throws LayerhookError RUNTIME_HOOKS
 */
export function readHooksDirectory(directories: readonly string[], spec: unknown, log: Log): HookLists {
  const files = new Map<string, string>();
  for (const directory of directories) {
    for (const name of list(directory)) files.set(name, join(directory, name));
  }
  const hooks = noHooks();
  const container = readContainer(spec);
  for (const name of [...files.keys()].sort(byLowerCase)) {
    const file = files.get(name) as string;
    const { hook, stages, when } = readConditionalHook(file);
    const applies = matches(when, container);
    log('debug', `hook ${file} ${applies ? 'applies' : 'does not apply'}`);
    if (applies) for (const stage of stages) hooks[stage].push(hook);
  }
  return hooks;
}

function readConditionalHook(file: string): ConditionalHook {
  const text = readHookFile(file);
  const document = parseJson(text, (reason) => hooksError(file, reason));
  if (!isObject(document)) throw hooksError(file, 'it is not a JSON object');
  const { version, hook, when, stages } = document;
  if (version !== '1.0.0') {
    const shown = version === undefined ? 'missing' : JSON.stringify(version);
    throw hooksError(file, `its version is ${shown}, not "1.0.0"`);
  }
  checkHook(file, 'its hook', hook);
  const kinds = checkStages(file, stages);
  const inContainer = kinds.every((kind) => kind === 'startContainer');
  if (!inContainer && !existsSync(Buffer.from(hook.path, 'latin1'))) {
    throw hooksError(file, `its hook ${utf8(hook.path)} does not exist`);
  }
  return {
    hook: slice(text, lastMember(text, valueAt(text), 'hook')),
    stages: kinds,
    when: checkConditions(when, (reason) => hooksError(file, reason)),
  };
}

function checkStages(file: string, stages: unknown): HookKind[] {
  if (!Array.isArray(stages)) throw hooksError(file, 'it lacks stages');
  return stages.map((stage) => {
    const kind = hookKinds.find((each) => each === stage);
    if (kind === undefined) throw hooksError(file, `its stage ${JSON.stringify(stage)} is unknown`);
    return kind;
  });
}

function lastMember(text: ByteString, object: Span, key: string): Span {
  return members(text, object).findLast((each) => each.key === key)?.value as Span;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw hooksError(directory, readFailure(error));
  }
}

/** Compares the UTF-8 bytes of the names in lower case, and for equal ones those of the original names. */
function byLowerCase(a: string, b: string): number {
  return compare(a.toLowerCase(), b.toLowerCase()) || compare(a, b);
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
