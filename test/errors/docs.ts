/** Rewrites the table of docs/errors.md from the error table: `node dist/test/errors/docs.js`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type ErrorCode, errorTable, exitStatusOf } from '../../src/errors/index.js';

/** The rows of docs/errors.md. */
export function errorRows(): string[] {
  return (Object.keys(errorTable) as ErrorCode[]).map((code) => {
    const { message, hint } = errorTable[code];
    return `| \`${code}\` | ${cell(message)} | ${cell(hint)} | ${exitStatusOf(code)} |`;
  });
}

/** The document with its rows replaced by the table's. */
export function withRows(document: string): string {
  const lines = document.split('\n').filter((line) => !line.startsWith('| `'));
  const head = lines.findIndex((line) => line.startsWith('| ---')) + 1;
  return [...lines.slice(0, head), ...errorRows(), ...lines.slice(head)].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync('docs/errors.md', withRows(readFileSync('docs/errors.md', 'utf8')));
}
