import { monotonicNow } from '../../system/monotonic.js';
import type { Lines, Shown } from '../command.js';
import { drained } from './streams.js';

/** Bytes of a long result that are written together. */
const pieceBytes = 64 * 1024;
/** Milliseconds that a line may wait for the next ones. */
const waitMs = 100;

/**
 * Writes a result in the wanted form. A long result is written while it is made, as fast as its reader takes it. Once the
 * reader has closed its end, the rest is made and dropped: making it may decide the exit status.
 *
 * @param json true: the form of `--json`
 * @param write writes to stdout
 */
export async function show(
  result: Shown,
  json: boolean,
  write: (text: string | Uint8Array) => void,
): Promise<void> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  let hasReader = true;
  const flush = () => {
    if (bytes > 0 && hasReader) write(Buffer.concat(waiting, bytes));
    waiting = [];
    bytes = 0;
  };
  const source = json ? result.json() : await result.text();
  let shown = monotonicNow();
  for await (const line of json ? jsonLines(source) : (source as Lines)) {
    const piece = typeof line === 'string' ? Buffer.from(line) : line;
    waiting.push(Buffer.from(piece), newline);
    bytes += piece.length + 1;
    if (bytes < pieceBytes && monotonicNow() - shown < waitMs) continue;
    flush();
    shown = monotonicNow();
    hasReader &&= await drained();
  }
  flush();
}

const newline = Buffer.from('\n');

async function* jsonLines(value: unknown): AsyncGenerator<string> {
  if (!isGenerator(value)) {
    yield JSON.stringify(value, null, 2);
    return;
  }
  let last: string | undefined;
  yield '[';
  for await (const element of value) {
    if (last !== undefined) yield `${last},`;
    last = `  ${JSON.stringify(element)}`;
  }
  if (last !== undefined) yield last;
  yield ']';
}

function isGenerator(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}
