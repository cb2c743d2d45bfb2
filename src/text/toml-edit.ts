import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import type toml from '@iarna/toml';
import { isObject } from './is-object.js';

/** The values of a TOML document. */
export type TomlTable = { [key: string]: unknown };
type KeyPath = readonly string[];

/** A table header, or a key with its value, which may span several lines. */
interface Statement {
  start: number;
  /** index after its newline */
  end: number;
  /** the table that the header opens, or that contains the value */
  table: KeyPath;
  /** the keys of the value, relative to its table; undefined for a header */
  keys: KeyPath | undefined;
  isArrayTable: boolean;
  /** range of the value in the text */
  value: { start: number; end: number };
}

const parser = () => createRequire(import.meta.url)('@iarna/toml') as typeof toml;

/** @throws the error that `fail` creates from the reason */
export function parseToml(text: string, fail: (reason: string) => Error): TomlTable {
  try {
    return parser().parse(text);
  } catch (error) {
    const { line = 0, message } = error as { line?: number; message: string };
    throw fail(
      `line ${line + 1} is not TOML: ${(message.split('\n')[0] as string).replace(/ at row .*/, '')}`,
    );
  }
}

/** Returns the table at `path`, or undefined if it does not exist. */
export function tableAt(values: unknown, path: KeyPath): TomlTable | undefined {
  const found = path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), values);
  return isObject(found) ? found : undefined;
}

/** Returns a copy of `values` with `value` at `path`; undefined removes the old value. */
export function withValue(values: TomlTable, path: KeyPath, value: unknown): TomlTable {
  const [key, ...rest] = path as [string, ...string[]];
  const inner = rest.length === 0 ? value : withValue(tableAt(values, [key]) ?? {}, rest, value);
  const others = Object.entries(values).filter(([name]) => name !== key);
  if (inner === undefined) return Object.fromEntries(others);
  if (!(key in values)) return Object.fromEntries([...others, [key, inner]]);
  return Object.fromEntries(Object.entries(values).map(([name, old]) => [name, name === key ? inner : old]));
}

/** True if two documents have the same values; empty tables do not count. */
export function sameToml(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(prune(a), prune(b));
}

/** Returns a copy of parsed values that holds JSON types only, without the parser's internal marks. */
export function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** Formats a value as TOML. */
export function formatValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const whole = parser().stringify({ x: value } as toml.JsonMap);
  return whole.slice(whole.indexOf('=') + 1).trim();
}

/** Formats a table and the tables in it; `path` is the header of the outermost. */
export function formatTable(path: KeyPath, table: TomlTable): string {
  const inner = formatInner(path, table);
  const values = formatValues(table);
  const header = `[${path.map(formatKey).join('.')}]\n`;
  return (values !== '' || inner.length === 0 ? [header + values, ...inner] : inner).join('\n');
}

/** Formats one element of an array of tables. */
export function formatArrayTable(path: KeyPath, table: TomlTable): string {
  const header = `[[${path.map(formatKey).join('.')}]]\n`;
  return [header + formatValues(table), ...formatInner(path, table)].join('\n');
}

function formatValues(table: TomlTable): string {
  const values = Object.entries(table).filter(([, value]) => !isObject(value) && !isTableArray(value));
  const lines = values.filter(([, value]) => value !== undefined);
  return lines.map(([key, value]) => `  ${formatKey(key)} = ${formatValue(value)}\n`).join('');
}

function formatInner(path: KeyPath, table: TomlTable): string[] {
  return Object.entries(table).flatMap(([key, value]) => {
    if (isObject(value)) return [formatTable([...path, key], value)];
    if (isTableArray(value)) return value.map((each) => formatArrayTable([...path, key], each));
    return [];
  });
}

/** Formats a whole document, without comments. */
export function formatDocument(values: TomlTable): string {
  return parser().stringify(values as toml.JsonMap);
}

/** Merges two tables at every depth; where both have a value, the one in `over` wins. */
export function mergeTables(under: TomlTable, over: TomlTable): TomlTable {
  const merged = Object.entries(over).map(([key, value]) => {
    const below = under[key];
    return [key, isObject(value) && isObject(below) ? mergeTables(below, value) : value];
  });
  return { ...under, ...Object.fromEntries(merged) };
}

/** The first line of our drop-in files. */
export const dropInHeading =
  '# Written by `layerhook ctk … configure --drop-in`; unconfigure removes it.\n\n';

/** Appends tables at the end of the text, after an empty line. */
export function append(text: string, added: string): string {
  if (text === '' || added === '') return text + added;
  return `${text}${text.endsWith('\n') ? '' : '\n'}\n${added}`;
}

/**
 * Sets a value in the text. It replaces the old value if there is one. Otherwise it becomes the first line of its
 * table; if the text has no header for that table, a new table is added at the end.
 */
export function setValue(text: string, table: KeyPath, key: string, value: unknown): string {
  const all = statements(text);
  const old = all.find(
    ({ table: at, keys }) => keys !== undefined && same([...at, ...keys], [...table, key]),
  );
  const line = `${formatKey(key)} = ${formatValue(value)}\n`;
  if (old) return text.slice(0, old.value.start) + formatValue(value) + text.slice(old.value.end);
  if (table.length === 0) {
    const first = all[0]?.start ?? 0;
    // before the first statement, but after the comments at the top
    return `${text.slice(0, first)}${line}${text.slice(first)}`;
  }
  const header = all.find(({ table: at, keys, isArrayTable }) => !keys && !isArrayTable && same(at, table));
  if (header === undefined) return append(text, formatTable(table, { [key]: value }));
  const indent = /^[ \t]*/.exec(text.slice(header.start))?.[0] ?? '';
  const head = text.slice(0, header.end);
  return `${head}${head.endsWith('\n') ? '' : '\n'}${indent}${indent === '' ? '' : '  '}${line}${text.slice(header.end)}`;
}

/** Removes a value and its line from the text. */
export function removeValue(text: string, table: KeyPath, key: string): string {
  const path = [...table, key];
  const found = statements(text).find(
    ({ table: at, keys }) => keys !== undefined && same([...at, ...keys], path),
  );
  return found === undefined ? text : text.slice(0, found.start) + text.slice(found.end);
}

/** Removes a table and its subtables from the text. */
export function removeTable(text: string, path: KeyPath): string {
  return removeStatements(
    text,
    statements(text).filter(({ table, keys }) => startsWith([...table, ...(keys ?? [])], path)),
  );
}

/** Removes elements of an array of tables from the text. @param isGone called with the index of each element */
export function removeArrayTables(text: string, path: KeyPath, isGone: (at: number) => boolean): string {
  let at = -1;
  const gone = statements(text).filter(({ table, keys, isArrayTable }) => {
    if (!startsWith(table, path)) return false;
    if (keys === undefined && isArrayTable && same(table, path)) at++;
    return isGone(at);
  });
  return removeStatements(text, gone);
}

function removeStatements(text: string, gone: readonly Statement[]): string {
  return gone.reduceRight((rest, { start, end }) => {
    // the empty line before a header goes too
    const isHeader = /^[ \t]*\[/.test(rest.slice(start, end));
    const from = isHeader && rest.slice(0, start).endsWith('\n\n') ? start - 1 : start;
    return rest.slice(0, from) + rest.slice(end);
  }, text);
}

/** Returns all headers and values in order. The text must be valid TOML. */
function statements(text: string): Statement[] {
  const found: Statement[] = [];
  let table: KeyPath = [];
  for (let at = 0; at < text.length; ) {
    const lineStart = at;
    at = skip(text, at, /[ \t]*/y);
    if (text[at] === '#' || text[at] === '\n' || text[at] === '\r') {
      at = lineEnd(text, at);
      continue;
    }
    if (at >= text.length) break;
    const brackets = skip(text, at, /\[{0,2}/y) - at;
    const keys = readKeys(text, at + brackets);
    if (brackets > 0) {
      table = keys.path;
      const end = lineEnd(text, keys.end);
      found.push({
        start: lineStart,
        end,
        table,
        keys: undefined,
        isArrayTable: brackets === 2,
        value: { start: end, end },
      });
      at = end;
      continue;
    }
    const start = skip(text, keys.end + 1, /[ \t]*/y);
    const valueEnd = skipValue(text, start);
    at = lineEnd(text, valueEnd);
    found.push({
      start: lineStart,
      end: at,
      table,
      keys: keys.path,
      isArrayTable: false,
      value: { start, end: valueEnd },
    });
  }
  return found;
}

function readKeys(text: string, start: number): { path: string[]; end: number } {
  const key = /[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*(\.?)/y;
  const path: string[] = [];
  key.lastIndex = start;
  for (let match = key.exec(text); match !== null; match = key.exec(text)) {
    path.push(unquote(match[1] as string));
    start = key.lastIndex;
    if (match[2] === '') break;
  }
  return { path, end: start };
}

function skipValue(text: string, start: number): number {
  const token =
    /"""[\s\S]*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[[\]{}]|[^"'#[\]{}\n]+|\n/y;
  let depth = 0;
  token.lastIndex = start;
  let end = start;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [part] = match;
    if (depth === 0 && (part === '\n' || part.startsWith('#'))) break;
    if (part === '[' || part === '{') depth++;
    if (part === ']' || part === '}') depth--;
    end = token.lastIndex;
  }
  return start + text.slice(start, end).trimEnd().length;
}

function skip(text: string, at: number, pattern: RegExp): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}

function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline === -1 ? text.length : newline + 1;
}

function formatKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function unquote(key: string): string {
  if (key.startsWith("'")) return key.slice(1, -1);
  return key.startsWith('"') ? (JSON.parse(key) as string) : key;
}

function same(a: KeyPath, b: KeyPath): boolean {
  return a.length === b.length && startsWith(a, b);
}

function startsWith(path: KeyPath, start: KeyPath): boolean {
  return start.every((key, index) => path[index] === key);
}

function prune(value: unknown): unknown {
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, prune(inner)] as const);
  const kept = entries.filter(
    ([, inner]) => inner !== undefined && !(isObject(inner) && Object.keys(inner).length === 0),
  );
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isTableArray(value: unknown): value is TomlTable[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}
