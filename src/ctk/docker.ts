import { isObject } from '../text/is-object.js';
import { parseJson } from '../text/json-bytes.js';
import {
  applyEdits,
  type Edit,
  isObjectAt,
  type Member,
  members,
  type Span,
  valueAt,
} from '../text/json-edit.js';
import { configError } from './error.js';
import { asString } from './parse.js';
import type { EngineFormat, EngineRuntime } from './types.js';

const file = '/etc/docker/daemon.json';

/** docker's daemon.json; dockerd(8), "DAEMON CONFIGURATION FILE". */
export const docker: EngineFormat = {
  engine: 'docker',
  file,
  read(text) {
    const { runtimes, 'default-runtime': defaultRuntime } = parse(text);
    const found = Object.entries(isObject(runtimes) ? runtimes : {}).map(
      ([name, runtime]) => [name, runtimeOf(isObject(runtime) ? runtime : {})] as const,
    );
    return { runtimes: new Map(found), defaultRuntime: asString(defaultRuntime) };
  },
  add(text, { name, path, args = [], isDefault }) {
    parse(text);
    const start = text.trim() === '' ? '{\n}\n' : text;
    const runtime = { path, runtimeArgs: args };
    const withRuntime = setMember(start, ['runtimes', name], runtime);
    return isDefault ? setMember(withRuntime, ['default-runtime'], name) : withRuntime;
  },
  remove(text, name, formerDefault) {
    const { runtimes, 'default-runtime': defaultRuntime } = parse(text);
    const isLast = isObject(runtimes) && Object.keys(runtimes).every((each) => each === name);
    const without = removeMember(text, isLast ? ['runtimes'] : ['runtimes', name]);
    if (defaultRuntime !== name) return without;
    if (formerDefault === undefined) return removeMember(without, ['default-runtime']);
    return setMember(without, ['default-runtime'], formerDefault);
  },
  values: parse,
  inherited: (_, text) => text,
  dropInStart: (text) => text,
  reading: (_, text) => text,
  tables: () => [],
};

type Path = readonly [string, ...string[]];

function setMember(
  text: string,
  [key, ...rest]: Path,
  value: unknown,
  object = valueAt(text),
  depth = 1,
): string {
  const found = find(text, object, key);
  if (found !== undefined && rest.length > 0 && isObjectAt(text, found.value)) {
    return setMember(text, rest as unknown as Path, value, found.value, depth + 1);
  }
  const whole = rest.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
  const indent = indentOf(text);
  const json = JSON.stringify(whole, null, indent).replaceAll('\n', `\n${indent.repeat(depth)}`);
  if (found !== undefined) return applyEdits(text, [{ ...found.value, by: json }]);
  return applyEdits(text, [newMember(text, object, `${JSON.stringify(key)}: ${json}`, indent, depth)]);
}

/** Inserts a member after the others, on a new line unless the document is one line. */
function newMember(text: string, object: Span, member: string, indent: string, depth: number): Edit {
  const last = members(text, object).at(-1);
  const isOneLine = !text.trim().includes('\n');
  const line = isOneLine ? (last ? ' ' : '') : `\n${indent.repeat(depth)}`;
  if (last !== undefined) return { start: last.value.end, end: last.value.end, by: `,${line}${member}` };
  const isClosed = isOneLine || object.end > object.start + 2;
  const at = object.start + 1;
  // white space in an empty object stays
  return { start: at, end: at, by: `${line}${member}${isClosed ? '' : `\n${indent.repeat(depth - 1)}`}` };
}

function removeMember(text: string, [key, ...rest]: Path, object = valueAt(text)): string {
  const all = members(text, object);
  const index = all.findIndex((member) => member.key === key);
  const found = all[index];
  if (found === undefined) return text;
  if (rest.length > 0) {
    return isObjectAt(text, found.value) ? removeMember(text, rest as unknown as Path, found.value) : text;
  }
  // remove the comma before the member, or for the first member the comma after it
  const before = all[index - 1];
  const start = before === undefined ? object.start + 1 : before.value.end;
  const next = all[index + 1];
  const end = before === undefined && next !== undefined ? startOf(text, found.value.end) : found.value.end;
  return applyEdits(text, [{ start, end, by: '' }]);
}

/** Returns the place after the first comma at or after `at`. */
function startOf(text: string, at: number): number {
  return text.indexOf(',', at) + 1;
}

function find(text: string, object: Span, key: string): Member | undefined {
  return members(text, object).findLast((member) => member.key === key);
}

function indentOf(text: string): string {
  return /\n([ \t]+)\S/.exec(text)?.[1] ?? '    ';
}

/** Types of containerd's shims that call a program with the command line of runc. */
const runcShims = /^(io\.containerd\.(runc\.v[12]|runtime\.v1\.linux))?$/;

function runtimeOf({ path, runtimeArgs, runtimeType: type }: Record<string, unknown>): EngineRuntime {
  return {
    path: asString(path),
    args: Array.isArray(runtimeArgs) ? runtimeArgs.map(String) : [],
    ...(runcShims.test(asString(type) ?? '') ? {} : { foreign: String(type) }),
  };
}

/** The keys that ctk changes. */
const ours = ['runtimes', 'default-runtime'];

/**
 * Returns the values. dockerd takes null for a missing value. Of a key that appears twice it reads both objects or the
 * last value, while an edit changes only one of them.
 */
function parse(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  const values = parseJson(text, (reason) => configError('', reason));
  if (!isObject(values)) throw configError('', 'it is not a JSON object');
  assertUnique(text, valueAt(text));
  const given = Object.entries(values).filter(([key, value]) => value !== null || !ours.includes(key));
  const { runtimes, ...others } = Object.fromEntries(given);
  if (runtimes === undefined) return others;
  if (!isObject(runtimes)) throw configError('', 'its runtimes is not an object');
  assertUnique(text, (find(text, valueAt(text), 'runtimes') as Member).value);
  return { ...others, runtimes };
}

function assertUnique(text: string, object: Span): void {
  const keys = members(text, object).map(({ key }) => key);
  const twice = keys.find((key, index) => keys.indexOf(key) < index);
  if (twice !== undefined) throw configError('', `its key ${twice} appears twice: remove one of them`);
}
