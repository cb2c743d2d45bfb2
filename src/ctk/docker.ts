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
import type { EngineFormat } from './types.js';

const file = '/etc/docker/daemon.json';

/** docker's daemon.json; dockerd(8), "DAEMON CONFIGURATION FILE". */
export const docker: EngineFormat = {
  engine: 'docker',
  file,
  read(text) {
    const { runtimes, 'default-runtime': defaultRuntime } = parse(text);
    const found = Object.entries(isObject(runtimes) ? runtimes : {}).map(
      ([name, runtime]) => [name, isObject(runtime) ? asString(runtime.path) : undefined] as const,
    );
    return { runtimes: new Map(found), defaultRuntime: asString(defaultRuntime) };
  },
  add(text, { name, path, isDefault }) {
    parse(text);
    const start = text.trim() === '' ? '{\n}\n' : text;
    const runtime = { path, runtimeArgs: [] };
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
  const end = isOneLine ? '' : `\n${indent.repeat(depth - 1)}`;
  return { start: object.start + 1, end: object.end - 1, by: `${line}${member}${end}` };
}

function removeMember(text: string, [key, ...rest]: Path, object = valueAt(text)): string {
  const all = members(text, object);
  const index = all.findIndex((member) => member.key === key);
  const found = all[index];
  if (found === undefined) return text;
  if (rest.length > 0) return removeMember(text, rest as unknown as Path, found.value);
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

function parse(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  const values = parseJson(text, (reason) => configError('', reason));
  if (!isObject(values)) throw configError('', 'it is not a JSON object');
  if (values.runtimes !== undefined && !isObject(values.runtimes)) {
    throw configError('', 'its runtimes is not an object');
  }
  return values;
}
