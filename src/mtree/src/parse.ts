import { addKeywords, Entry, type KeywordMap, words } from './entry.js';
import { MtreeError } from './error.js';
import { canonicalKeyword } from './keywords.js';
import { Manifest } from './manifest.js';
import { cleanPath, joinPath } from './path.js';
import { unvis } from './vis.js';

/**
 * Parses a manifest as go-mtree, mtree(8) and bsdtar write it; mtree(5).
 *
 * Relative entries, full paths, `/set` and `/unset`, comments and continuation lines may be mixed. Values are
 * parsed when an entry is first asked for them, so a few look-ups in a big manifest stay cheap.
 *
 * @param manifest the manifest, as bytes or as a byte string
 * @throws MtreeError BAD_ESCAPE, BAD_DOT_DOT, BAD_COMMAND, with the line
 */
export function parse(manifest: Uint8Array | string): Manifest {
  const state: State = { entries: [], header: new Map(), directories: [], set: new Map() };
  const text = typeof manifest === 'string' ? manifest : decode(manifest);
  for (const { content, line } of logicalLines(text)) parseLine(state, content, line);
  return new Manifest(state.entries, state.header);
}

interface State {
  entries: Entry[];
  header: Map<string, string>;
  /** paths of the directories that are open, the root first */
  directories: string[];
  set: KeywordMap;
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Lines without their indent, joined where a backslash continues them; comments and blank lines included. */
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

/** Whether a line goes on: it ends in a backslash that no other one escapes. Comments never go on. */
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

/** `#  user: root` is kept as long as no file has come. */
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
}

/**
 * For mtree(5) a `/set` adds to those before. For go-mtree it starts afresh, and its manifests rely on that;
 * only they have a comment that lists the keywords.
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
      throw new MtreeError('BAD_DOT_DOT', 'no directory is open', line);
    return;
  }
  const name = unvis(encoded, line);
  const parent = state.directories.at(-1);
  const full = encoded.includes('/');
  const path = full || parent === undefined ? cleanPath(name) : childPath(parent, name);
  const entry = new Entry(path, line, rest, state.set);
  state.entries.push(entry);
  if (!full && isDirectory(rest, entry, state.set)) state.directories.push(path);
}

/** An encoded slash or dots may be in a name: they must not lead out of the root. */
function childPath(parent: string, name: string): string {
  const joined = joinPath(parent, name);
  return name.includes('/') || name === '.' || name === '..' || name === '' ? cleanPath(joined) : joined;
}

function wordEnd(content: string): number {
  let i = 0;
  while (i < content.length && !isBlank(content.charCodeAt(i))) i++;
  return i;
}

/** Whether the entry is a directory, without parsing its keywords if it says nothing of its type. */
function isDirectory(rest: string, entry: Entry, set: KeywordMap): boolean {
  return (rest.includes('type=') ? entry.type : set.get('type')) === 'dir';
}
