import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import type toml from '@iarna/toml';
import { isObject } from './is-object.js';
import { type KeyPath, readStatements, type Statement } from './toml-positions.js';

/** The values of a TOML document. */
export type TomlTable = { [key: string]: unknown };
type TablePath = readonly string[];

const parser = () => createRequire(import.meta.url)('@iarna/toml') as typeof toml;

/** @throws the error that `fail` returns for the reason */
export function parseToml(text: string, fail: (reason: string) => Error): TomlTable {
  try {
    return parser().parse(unixNewlines(text));
  } catch (error) {
    const { line = 0, message } = error as { line?: number; message: string };
    throw fail(
      `line ${line + 1} is not TOML: ${(message.split('\n')[0] as string).replace(/ at row .*/, '')}`,
    );
  }
}

/** Returns TOML with plain newlines, since the parser rejects the CR of a CRLF after a comment. */
export function unixNewlines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** Returns the table at `path`; undefined if it is missing. */
export function tableAt(values: unknown, path: TablePath): TomlTable | undefined {
  const found = path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), values);
  return isObject(found) ? found : undefined;
}

/** Returns a copy of `values` with `value` at `path`; undefined removes the value. */
export function withValue(values: TomlTable, path: TablePath, value: unknown): TomlTable {
  const [key, ...rest] = path as [string, ...string[]];
  const inner = rest.length === 0 ? value : withValue(tableAt(values, [key]) ?? {}, rest, value);
  const others = Object.entries(values).filter(([name]) => name !== key);
  if (inner === undefined) return Object.fromEntries(others);
  if (!(key in values)) return Object.fromEntries([...others, [key, inner]]);
  return Object.fromEntries(Object.entries(values).map(([name, old]) => [name, name === key ? inner : old]));
}

/** True if two documents have the same values. Empty tables are ignored. */
export function sameToml(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(prune(a), prune(b));
}

/** Returns parsed values without the parser's symbols. The values must be those of JSON. */
export function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** Formats a value. */
function formatValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const whole = parser().stringify({ x: value } as toml.JsonMap);
  return whole.slice(whole.indexOf('=') + 1).trim();
}

/** Formats a table and its inner tables, with `path` as the header of the outermost. */
export function formatTable(path: TablePath, table: TomlTable): string {
  const inner = formatInner(path, table);
  const values = formatValues(table);
  const header = `[${path.map(formatKey).join('.')}]\n`;
  return (values !== '' || inner.length === 0 ? [header + values, ...inner] : inner).join('\n');
}

/** Formats an element of an array of tables. */
export function formatArrayTable(path: TablePath, table: TomlTable): string {
  const header = `[[${path.map(formatKey).join('.')}]]\n`;
  return [header + formatValues(table), ...formatInner(path, table)].join('\n');
}

function formatValues(table: TomlTable): string {
  const values = Object.entries(table).filter(([, value]) => !isObject(value) && !isTableArray(value));
  const lines = values.filter(([, value]) => value !== undefined);
  return lines.map(([key, value]) => `  ${formatKey(key)} = ${formatValue(value)}\n`).join('');
}

function formatInner(path: TablePath, table: TomlTable): string[] {
  return Object.entries(table).flatMap(([key, value]) => {
    if (isObject(value)) return [formatTable([...path, key], value)];
    if (isTableArray(value)) return value.map((each) => formatArrayTable([...path, key], each));
    return [];
  });
}

/** Formats a whole document. */
export function formatDocument(values: TomlTable): string {
  return parser().stringify(values as toml.JsonMap);
}

/** Merges two tables at every depth. If both have a value, the one of `over` counts. */
export function mergeTables(under: TomlTable, over: TomlTable): TomlTable {
  const merged = Object.entries(over).map(([key, value]) => {
    const below = under[key];
    return [key, isObject(value) && isObject(below) ? mergeTables(below, value) : value];
  });
  return { ...under, ...Object.fromEntries(merged) };
}

/** First line of our drop-in files. */
export const dropInHeading =
  '# Written by `layerhook ctk … configure --drop-in`; unconfigure removes it.\n\n';

/** Returns the text with tables appended. */
export function append(text: string, added: string): string {
  if (text === '' || added === '') return text + added;
  return `${text}${text.endsWith('\n') ? '' : '\n'}\n${added}`;
}

/**
 * Returns the text with a value set: it replaces the old value, or else becomes the first line of its table, or of a
 * new table at the end if the text lacks a header of the table.
 */
export function setValue(text: string, table: TablePath, key: string, value: unknown): string {
  const all = readStatements(text);
  const old = all.find(
    ({ table: at, keys }) => keys !== undefined && same([...at, ...keys], [...table, key]),
  );
  const line = `${formatKey(key)} = ${formatValue(value)}\n`;
  if (old) return text.slice(0, old.value.start) + formatValue(value) + text.slice(old.value.end);
  if (table.length === 0) {
    const first = all[0]?.start ?? 0;
    // before the first statement, after comments at the top
    return `${text.slice(0, first)}${line}${text.slice(first)}`;
  }
  const header = all.find(({ table: at, keys }) => !keys && same(at, table));
  if (header === undefined) return append(text, formatTable(table, { [key]: value }));
  const indent = /^[ \t]*/.exec(text.slice(header.start))?.[0] ?? '';
  const head = text.slice(0, header.end);
  return `${head}${head.endsWith('\n') ? '' : '\n'}${indent}${indent === '' ? '' : '  '}${line}${text.slice(header.end)}`;
}

/** Returns the text without a value and its line. */
export function removeValue(text: string, table: TablePath, key: string): string {
  const path = [...table, key];
  const found = readStatements(text).find(
    ({ table: at, keys }) => keys !== undefined && same([...at, ...keys], path),
  );
  return found === undefined ? text : text.slice(0, found.start) + text.slice(found.end);
}

/** Returns the text without a table and its inner tables. */
export function removeTable(text: string, path: TablePath): string {
  return removeStatements(
    text,
    readStatements(text).filter(({ table, keys }) => startsWith([...table, ...(keys ?? [])], path)),
  );
}

/** Returns the text without those elements of an array of tables for whose indexes `isGone` returns true. */
export function removeArrayTables(text: string, path: TablePath, isGone: (at: number) => boolean): string {
  const gone = readStatements(text).filter(({ table }) => {
    const at = table[path.length];
    return startsWith(table, path) && typeof at === 'number' && isGone(at);
  });
  return removeStatements(text, gone);
}

function removeStatements(text: string, gone: readonly Statement[]): string {
  return gone.reduceRight((rest, { start, end }) => {
    // remove the empty line before a header too
    const isHeader = /^[ \t]*\[/.test(rest.slice(start, end));
    const from = isHeader && rest.slice(0, start).endsWith('\n\n') ? start - 1 : start;
    return rest.slice(0, from) + rest.slice(end);
  }, text);
}

function formatKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
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
