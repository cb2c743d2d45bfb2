import type { Delta, KeyDelta } from './delta.js';
import { printable, quote } from './quote.js';

/**
 * Formats deltas in gomtree's `bsd` format, which umoci uses too. Prints one line for each modified keyword, whereas
 * gomtree prints a single random keyword of each modified file.
 *
 * @returns text that is safe to print; '' if `deltas` is empty
 */
export function formatBSD(deltas: readonly Delta[]): string {
  return deltas
    .flatMap(bsdLines)
    .map((line) => `${line}\n`)
    .join('');
}

/** Formats deltas in gomtree's `json` format: one array, on one line. */
export function formatJSON(deltas: readonly Delta[]): string {
  const rows = deltas.map(({ type, path, diffs, error }) => ({
    type,
    path: toText(path),
    keys: type === 'modified' ? diffs.map(jsonKey) : null,
    ...(error && { error: error.message }),
  }));
  return `${JSON.stringify(rows).replace(/[<>&\u2028\u2029]/g, unicodeEscape)}\n`;
}

/**
 * Formats deltas in gomtree's `path` format: the paths of files that differ.
 *
 * @param strict true includes missing and extra files
 */
export function formatPaths(deltas: readonly Delta[], { strict = false }: { strict?: boolean } = {}): string {
  const shown = deltas.filter(({ type }) => strict || type === 'modified' || type === 'errored');
  return shown.map(({ path }) => `${printable(path)}\n`).join('');
}

function bsdLines({ path, type, diffs, error }: Delta): string[] {
  const name = quote(path);
  if (type === 'missing') return [`${name}: missing path`];
  if (type === 'extra') return [`${name}: unexpected path`];
  if (type === 'errored') return [`${name}: ${error?.message}`];
  return diffs.map(
    (diff) => `${name}: keyword ${quote(diff.name)}: expected ${show(diff.old)}; got ${show(diff.new)}`,
  );
}

function show(value: string | undefined): string {
  return printable(value ?? '');
}

function jsonKey({ type, name, old, new: now }: KeyDelta): Record<string, string> {
  return { type, name: toText(name), old: toText(old ?? ''), new: toText(now ?? '') };
}

function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Escapes a character as Go's encoding/json does, so that the JSON can be embedded in HTML. */
function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
