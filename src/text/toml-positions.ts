import { createRequire } from 'node:module';
import type { AST, parseTOML } from 'toml-eslint-parser';

/** Keys and, in arrays of tables, indexes: `['hook', 0, 'point']`. */
export type KeyPath = readonly (string | number)[];

/** A header of a table, or a key with its value. */
export interface Statement {
  /** start of its first line */
  start: number;
  /** end of its last line, after the newline */
  end: number;
  /** its first line, from 1 */
  line: number;
  /** path of the table that a header opens, or that a value is in */
  table: KeyPath;
  /** the keys of a value below its table; undefined for a header */
  keys: readonly string[] | undefined;
  /** place of the value */
  value: { start: number; end: number };
}

/** Returns headers and values in their order. The text must be valid TOML. */
export function readStatements(text: string): Statement[] {
  // loaded only when a position is needed: a command with a small hooks.toml takes 153 ms of processor time, not 146
  const { parseTOML: parse } = createRequire(import.meta.url)('toml-eslint-parser') as {
    parseTOML: typeof parseTOML;
  };
  return parse(text).body[0].body.flatMap((node) =>
    node.type === 'TOMLKeyValue'
      ? [statementOf(text, node, [])]
      : [
          statementOf(text, node, node.resolvedKey),
          ...node.body.map((each) => statementOf(text, each, node.resolvedKey)),
        ],
  );
}

/**
 * Finds the lines of keys in a TOML file, which the parser of its values does not report.
 *
 * @returns a function that returns the line (from 1) of a path, or of the longest part of the path that the file has
 */
export function findLines(source: string): (path: KeyPath) => number {
  let lines: Map<string, number> | undefined;
  return (path) => {
    lines ??= linesOf(source);
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(join(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

/** Returns the first line of each path and of the tables above it. */
function linesOf(source: string): Map<string, number> {
  const lines = new Map<string, number>();
  for (const { table, keys = [], line } of readStatements(source)) {
    const path = [...table, ...keys];
    for (let length = 1; length <= path.length; length++) {
      const key = join(path.slice(0, length));
      if (!lines.has(key)) lines.set(key, line);
    }
  }
  return lines;
}

function statementOf(text: string, node: AST.TOMLTable | AST.TOMLKeyValue, table: KeyPath): Statement {
  const isHeader = node.type === 'TOMLTable';
  const [valueStart, valueEnd] = isHeader ? node.key.range : node.value.range;
  const newline = text.indexOf('\n', valueEnd);
  return {
    start: text.lastIndexOf('\n', node.range[0] - 1) + 1,
    end: newline === -1 ? text.length : newline + 1,
    line: node.loc.start.line,
    table,
    keys: isHeader ? undefined : node.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value)),
    value: { start: valueStart, end: valueEnd },
  };
}

function join(path: KeyPath): string {
  return path.join('\0');
}
