import { fstatSync, statSync } from 'node:fs';

/** What is written to either stream makes it, which takes node milliseconds: most commands print nothing. */
export const output = { write: (text: string | Uint8Array): unknown => stream('stdout').write(text) };
export const errorOutput = { write: (text: string | Uint8Array): unknown => stream('stderr').write(text) };

/** Whether standard error is a terminal. */
export function isTerminal(): boolean {
  const { rdev } = fstatSync(2);
  // of what is no device, or swallows all, nothing needs to be made to know it
  return (
    rdev !== 0 &&
    rdev !== statSync('/dev/null', { throwIfNoEntry: false })?.rdev &&
    process.stderr.isTTY === true
  );
}

/** Whether nothing waits for a slow reader of either stream. */
export function isAllWritten(): boolean {
  return [...made].every((name) => process[name].writableLength === 0);
}

const made = new Set<'stdout' | 'stderr'>();

function stream(name: 'stdout' | 'stderr'): NodeJS.WriteStream {
  const stream = process[name];
  if (!made.has(name)) stream.on('error', quietBrokenPipe);
  made.add(name);
  return stream;
}

/** A reader that has gone away (`layerhook ls | head -1`), or a terminal (EIO), is no error of ours. */
function quietBrokenPipe(this: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && !(error.code === 'EIO' && this.isTTY)) throw error;
}
