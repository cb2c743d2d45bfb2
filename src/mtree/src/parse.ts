import { addKeywords, Entry, type KeywordMap, words } from './entry.js';
import { MtreeError } from './error.js';
import { canonicalKeyword } from './keywords.js';
import { Budget, type ParseOptions } from './limits.js';
import { Manifest } from './manifest.js';
import { cleanPath, joinPath } from './path.js';
import { unvis } from './vis.js';

/**
 * Parses a manifest of go-mtree, mtree(8) or bsdtar; mtree(5).
 *
 * Relative entries, full paths, `/set` and `/unset`, comments and continuation lines may be mixed. Values are parsed
 * on first use, so that a few look-ups in a large manifest are cheap.
 *
 * @param manifest the manifest, as bytes or as a byte string
 * @throws MtreeError BAD_ESCAPE, BAD_DOT_DOT, BAD_COMMAND, TOO_LARGE, with the line
 */
export function parse(manifest: Uint8Array | string, options: ParseOptions = {}): Manifest {
  const budget = new Budget(options);
  budget.bytes(manifest.length);
  const state: State = { entries: [], header: new Map(), directories: [], set: new Map(), budget };
  const text = typeof manifest === 'string' ? manifest : decode(manifest);
  for (const { content, line } of logicalLines(text)) parseLine(state, content, line);
  return new Manifest(state.entries, state.header);
}

interface State {
  entries: Entry[];
  header: Map<string, string>;
  /** paths of the open directories, the root first */
  directories: string[];
  set: KeywordMap;
  budget: Budget;
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Yields lines without indentation, joined with their continuation lines; also comments and empty lines. */
function* logicalLines(text: string): Generator<{ content: string; line: number }> {
  let line = 0;
  for (let at = 0; at < text.length; ) {
    let end = lineEnd(text, at);
    let content = text.slice(skipBlanks(text, at, end), end);
    const first = ++line;
    at = end + 1;
    while (continues(content) && at < text.length) {
      end = lineEnd(text, at);
      content = content.slice(0, -1) + text.slice(at, end);
      line++;
      at = end + 1;
    }
    yield { content, line: first };
  }
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

function skipBlanks(text: string, at: number, end: number): number {
  let i = at;
  while (i < end && isBlank(text.charCodeAt(i))) i++;
  return i;
}

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** True if the next line continues this one: it ends with an unescaped backslash and is not a comment. */
function continues(content: string): boolean {
  if (!content.endsWith('\\') || content.startsWith('#')) return false;
  let backslashes = 1;
  while (content[content.length - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

function parseLine(state: State, content: string, line: number): void {
  if (content === '') return;
  if (content.startsWith('#')) parseComment(state, content);
  else if (content.startsWith('/')) parseCommand(state, content, line);
  else parseEntry(state, content, line);
}

/** Stores a comment such as `#  user: root`, if it precedes all files. */
function parseComment(state: State, content: string): void {
  if (state.entries.length > 0) return;
  const match = /^#[ \t]*([a-z]+): ?(.*)$/.exec(content);
  if (match) state.header.set(match[1]!, match[2]!);
}

function parseCommand(state: State, content: string, line: number): void {
  const [command, ...names] = words(content);
  if (command === '/set') {
    const set = replacesSet(state) ? new Map() : new Map(state.set);
    addKeywords(set, names.join(' '), line);
    state.set = set;
  } else if (command === '/unset') {
    const set = new Map(state.set);
    for (const name of names) set.delete(canonicalKeyword(name));
    state.set = names.length === 0 || names.includes('all') ? new Map() : set;
  } else {
    throw new MtreeError('BAD_COMMAND', `unknown command ${JSON.stringify(command)}`, line);
  }
  state.budget.set(state.set.size, line);
}

/**
 * True if `/set` replaces all earlier values. In mtree(5) it adds to them; in go-mtree it replaces them, and manifests of
 * go-mtree rely on that. Only manifests of go-mtree have a comment that lists the keywords.
 */
function replacesSet(state: State): boolean {
  return state.header.has('keywords');
}

function parseEntry(state: State, content: string, line: number): void {
  const end = wordEnd(content);
  const encoded = content.slice(0, end);
  const rest = content.slice(end);
  if (encoded === '..') {
    if (state.directories.pop() === undefined)
      throw new MtreeError('BAD_DOT_DOT', '.. without an open directory', line);
    return;
  }
  const name = unvis(encoded, line);
  const parent = state.directories.at(-1);
  const full = encoded.includes('/');
  const path = full || parent === undefined ? cleanPath(name) : childPath(parent, name);
  state.budget.entry(path, state.set.size, line);
  const entry = new Entry(path, line, rest, state.set);
  state.entries.push(entry);
  if (!full && isDirectory(rest, entry, state.set)) state.directories.push(path);
}

/** Returns the path of a name in a directory. A name may contain encoded slashes or dots, which must not leave the root. */
function childPath(parent: string, name: string): string {
  const joined = joinPath(parent, name);
  return name.includes('/') || name === '.' || name === '..' || name === '' ? cleanPath(joined) : joined;
}

function wordEnd(content: string): number {
  let i = 0;
  while (i < content.length && !isBlank(content.charCodeAt(i))) i++;
  return i;
}

/** True if the entry is a directory. Parses its keywords only if they include the type. */
function isDirectory(rest: string, entry: Entry, set: KeywordMap): boolean {
  return (rest.includes('type=') ? entry.type : set.get('type')) === 'dir';
}
