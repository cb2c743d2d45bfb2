import type { ByteString } from '../system/bytes.js';

/**
 * A range of chars in the text of a JSON document. Edits replace such ranges, so the rest of the document stays the
 * same byte for byte, including numbers that JavaScript cannot represent. RFC 8259.
 *
 * The text must be valid JSON. It is a {@link ByteString}, which suffices because all JSON syntax is ASCII.
 */
export interface Span {
  start: number;
  /** index after the last char */
  end: number;
}

export interface Member {
  key: ByteString;
  value: Span;
}

/** A change of a text: `by` replaces the chars from `start` to `end`. */
export interface Edit extends Span {
  by: ByteString;
}

/** Finds the value that begins at or after `at`, without the white space around it. */
export function valueAt(text: ByteString, at = 0): Span {
  const start = skipSpace(text, at);
  return { start, end: skipValue(text, start) };
}

/** Returns the members of an object in order; keys may repeat. */
export function members(text: ByteString, object: Span): Member[] {
  return list(text, object, (at) => {
    const end = skipString(text, at);
    const value = valueAt(text, skipSpace(text, end) + 1);
    return [{ key: JSON.parse(text.slice(at, end)) as string, value }, value.end];
  });
}

/** Returns the elements of an array in order. */
export function elements(text: ByteString, array: Span): Span[] {
  return list(text, array, (at) => {
    const value = valueAt(text, at);
    return [value, value.end];
  });
}

export function isObjectAt(text: ByteString, { start }: Span): boolean {
  return text[start] === '{';
}

export function isArrayAt(text: ByteString, { start }: Span): boolean {
  return text[start] === '[';
}

/** Returns the text of a span. */
export function slice(text: ByteString, { start, end }: Span): ByteString {
  return text.slice(start, end);
}

/** Returns the edit that adds `items` at the start or end of an object or array. */
export function insertion(
  text: ByteString,
  container: Span,
  items: readonly ByteString[],
  where: 'start' | 'end',
): Edit {
  const isEmpty = skipSpace(text, container.start + 1) === container.end - 1;
  const joined = items.join(',');
  if (where === 'start') {
    const at = container.start + 1;
    return { start: at, end: at, by: isEmpty ? joined : `${joined},` };
  }
  const at = lastChar(text, container) + 1;
  return { start: at, end: at, by: isEmpty ? joined : `,${joined}` };
}

/** Returns the text after all edits, which must not overlap. */
export function applyEdits(text: ByteString, edits: readonly Edit[]): ByteString {
  let result = text;
  for (const { start, end, by } of [...edits].sort((a, b) => b.start - a.start)) {
    result = result.slice(0, start) + by + result.slice(end);
  }
  return result;
}

/** Finds the last char before the closing bracket that is not white space: the end of the last item, or the opening bracket. */
function lastChar(text: ByteString, { end }: Span): number {
  let at = end - 2;
  while (isSpace(text[at])) at--;
  return at;
}

function list<T>(text: ByteString, { start, end }: Span, read: (at: number) => [T, end: number]): T[] {
  const items: T[] = [];
  let at = skipSpace(text, start + 1);
  while (at < end - 1) {
    const [item, itemEnd] = read(at);
    items.push(item);
    // after the comma or the closing bracket
    at = skipSpace(text, skipSpace(text, itemEnd) + 1);
  }
  return items;
}

function skipValue(text: ByteString, start: number): number {
  const first = text[start];
  if (first === '"') return skipString(text, start);
  if (first !== '{' && first !== '[') return skipScalar(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = skipString(text, at) - 1;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

function skipString(text: ByteString, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipScalar(text: ByteString, start: number): number {
  const scalar = /[^\s,\]}]*/y;
  scalar.lastIndex = start;
  return start + (scalar.exec(text)?.[0].length ?? 0);
}

function skipSpace(text: ByteString, start: number): number {
  let at = start;
  while (isSpace(text[at])) at++;
  return at;
}

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\n' || char === '\t' || char === '\r';
}
