import type { ChangeKind } from '../layer/types.js';
import { BadResult, show } from '../points/check-result.js';
import type { DeltaEntry, PointName } from '../points/points.js';
import { pointRow } from '../points/table.js';
import { type ByteString, fromBuffer, fromText } from '../system/bytes.js';

/**
 * What an exec hook wrote to stdout, as a function hook would have given it; the dispatcher checks it further.
 *
 * @throws BadResult if it is not in the form that the point takes
 */
export function parseOutput(point: PointName, output: Buffer): unknown {
  switch (pointRow(point).result.form) {
    case 'stream':
      return parseDelta(output);
    case 'none':
      if (isBlank(output)) return undefined;
      if (/^\s*\{/.test(output.toString('latin1'))) return parseJson(output, 'stdout');
      throw new BadResult(`expected nothing on stdout, got ${start(output)}; messages go to stderr`);
    default:
      return isBlank(output) ? undefined : parseJson(output, 'stdout');
  }
}

/**
 * A delta in one of three forms: NUL-separated paths if there is a NUL, NDJSON if it starts with `{`, else a
 * path a line. Names with newlines need one of the first two.
 */
export function parseDelta(output: Buffer): DeltaEntry[] {
  if (output.includes(0)) return splitPaths(output, '\0');
  if (/^\s*\{/.test(output.toString('latin1', 0, 1024))) return parseLines(output);
  return splitPaths(output, '\n');
}

function splitPaths(output: Buffer, separator: '\0' | '\n'): DeltaEntry[] {
  const paths = fromBuffer(output).split(separator);
  if (separator === '\0' && /\n$/.test(paths.at(-1) as string)) {
    throw new BadResult('a newline follows the last NUL: is it part of a name?');
  }
  // find's %P is empty for the directory itself, whose change its children do not show: it is left out
  return paths.filter((path) => path !== '').map((path) => ({ path }));
}

function parseLines(output: Buffer): DeltaEntry[] {
  const entries: DeltaEntry[] = [];
  let start = 0;
  for (let line = 1; start < output.length; line++) {
    const newline = output.indexOf(0x0a, start);
    const end = newline === -1 ? output.length : newline;
    const text = output.subarray(start, end);
    if (!isBlank(text)) entries.push(parseEntry(parseJson(text, `line ${line}`), line));
    start = end + 1;
  }
  return entries;
}

function parseEntry(value: unknown, line: number): DeltaEntry {
  const fail = (reason: string) => new BadResult(`line ${line}: ${reason}`);
  if (typeof value !== 'object' || value === null)
    throw fail(`expected {path, kind?, inode?}, got ${show(value)}`);
  const { path, pathBase64, kind, inode, ...others } = value as Record<string, unknown>;
  for (const key of Object.keys(others))
    throw fail(`unknown key ${key}: expected path or pathBase64, kind and inode`);
  if ((path === undefined) === (pathBase64 === undefined)) throw fail('expected one of path and pathBase64');
  const bytes = path === undefined ? decodeBase64(pathBase64) : encodePath(path);
  if (bytes === undefined)
    throw fail(`${show(path ?? pathBase64)} is not ${path === undefined ? 'base64' : 'text'}`);
  const kinds = kind !== undefined && { kind: kind as ChangeKind };
  return { path: bytes, ...kinds, ...(inode !== undefined && { inode: inode as string }) };
}

function encodePath(path: unknown): ByteString | undefined {
  // half a surrogate pair has no bytes in UTF-8
  return typeof path === 'string' && !/\p{Surrogate}/u.test(path) ? fromText(path) : undefined;
}

function decodeBase64(text: unknown): ByteString | undefined {
  const isBase64 = typeof text === 'string' && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return isBase64 ? Buffer.from(text, 'base64').toString('latin1') : undefined;
}

function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'no JSON' : 'no UTF-8';
    throw new BadResult(`${what} is ${reason}: ${start(bytes)}`, { cause: error });
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function start(bytes: Buffer): string {
  return show(bytes.toString('utf8', 0, 200));
}
