/** Rewrites the tables of docs/errors.md from the error table and the classes: `node dist/test/errors/docs.js`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { classOf, type ErrorCode, errorTable, exitClasses, exitStatusOf } from '../../src/errors/index.js';

/** The rows of docs/errors.md. */
export function errorRows(): string[] {
  return (Object.keys(errorTable) as ErrorCode[]).map((code) => {
    const { message, hint } = errorTable[code];
    return `| \`${code}\` | ${cell(message)} | ${cell(hint)} | ${classOf(code)} (${exitStatusOf(code)}) |`;
  });
}

/** The rows of exit statuses in docs/errors.md. */
export function statusRows(): string[] {
  return Object.entries(exitClasses).map(([name, { status, means }]) => `| ${status} | ${name} | ${means} |`);
}

/** The document with the rows of its two tables replaced. */
export function withRows(document: string): string {
  const replaced = withTable(document, '| status |', statusRows());
  return withTable(replaced, '| code |', errorRows());
}

/** Replaces the rows of the table that starts with `head`. */
function withTable(document: string, head: string, rows: readonly string[]): string {
  const lines = document.split('\n');
  const first = lines.findIndex((line) => line.startsWith(head)) + 2;
  const end = lines.findIndex((line, at) => at >= first && !line.startsWith('|'));
  return [...lines.slice(0, first), ...rows, ...lines.slice(end)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync('docs/errors.md', withRows(readFileSync('docs/errors.md', 'utf8')));
}
