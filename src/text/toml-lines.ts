/** Keys and, in arrays of tables, indexes: `['hook', 0, 'point']`. */
export type KeyPath = readonly (string | number)[];

/** One TOML key, bare or quoted. */
const keyPattern = /\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*/y;

/**
 * Finds the lines of keys in a TOML file by scanning for table headers and keys; the parser does not report them.
 *
 * @returns a function that gives the line (from 1) of a path, or of its longest prefix that is in the file
 */
export function findLines(source: string): (path: KeyPath) => number {
  const lines = new Map<string, number>();
  const lastIndex = new Map<string, number>();
  let table: KeyPath = [];
  for (const { line, text } of statements(source)) {
    const header = /^\s*(\[\[?)/.exec(text);
    const start = header?.[0].length ?? 0;
    const keys = readKeys(text, start);
    if (header === null) {
      remember(lines, [...table, ...keys], line);
      continue;
    }
    table = inTables(lastIndex, header[1] === '[[' ? keys.slice(0, -1) : keys);
    if (header[1] === '[[') {
      const array = [...table, ...keys.slice(-1)];
      const index = (lastIndex.get(join(array)) ?? -1) + 1;
      lastIndex.set(join(array), index);
      table = [...array, index];
    }
    remember(lines, table, line);
  }
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(join(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

/** Yields the lines of the file without comments. Lines that belong to one value are joined. */
function* statements(source: string): Generator<{ line: number; text: string }> {
  // only strings, comments, brackets and newlines matter for finding the end of a value
  const tokens =
    /"""[\s\S]*?(?:"""+|$)|'''[\s\S]*?(?:'''+|$)|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|#[^\n]*|[[\]{}\n]|[^"'#[\]{}\n]+/g;
  let line = 1;
  let start = 1;
  let text = '';
  let depth = 0;
  for (const [token] of source.matchAll(tokens)) {
    if (token === '\n' && depth <= 0) {
      if (text.trim() !== '') yield { line: start, text };
      text = '';
      depth = 0;
      start = line + 1;
    } else if (!token.startsWith('#')) text += token;
    if (token === '[' || token === '{') depth++;
    if (token === ']' || token === '}') depth--;
    line += token.split('\n').length - 1;
  }
  if (text.trim() !== '') yield { line: start, text };
}

/** Reads the dotted key at `start`. */
function readKeys(text: string, start: number): string[] {
  const keys: string[] = [];
  keyPattern.lastIndex = start;
  for (let match = keyPattern.exec(text); match !== null; match = keyPattern.exec(text)) {
    keys.push(unquote(match[1] as string));
    const end = start + match[0].length;
    if (text[end] !== '.') break;
    start = end + 1;
    keyPattern.lastIndex = start;
  }
  return keys;
}

function unquote(key: string): string {
  if (key.startsWith("'")) return key.slice(1, -1);
  if (!key.startsWith('"')) return key;
  try {
    return JSON.parse(key) as string;
  } catch {
    return key.slice(1, -1);
  }
}

/** Inserts the index of the last table after each prefix of `keys` that names an array of tables. */
function inTables(lastIndex: ReadonlyMap<string, number>, keys: readonly string[]): KeyPath {
  const path: (string | number)[] = [];
  for (const key of keys) {
    path.push(key);
    const index = lastIndex.get(join(path));
    if (index !== undefined) path.push(index);
  }
  return path;
}

/** Records the line of a path and of the tables above it, unless they have an earlier one. */
function remember(lines: Map<string, number>, path: KeyPath, line: number): void {
  for (let length = 1; length <= path.length; length++) {
    const key = join(path.slice(0, length));
    if (!lines.has(key)) lines.set(key, line);
  }
}

function join(path: KeyPath): string {
  return path.join('\0');
}
