import { fstatSync, statSync } from 'node:fs';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { orAborted } from '../../system/until-aborted.js';

/** The streams are created by the first write, since that takes node milliseconds and most commands print nothing. */
export const output = { write: (text: string | Uint8Array): unknown => stream('stdout').write(text) };
export const errorOutput = { write: (text: string | Uint8Array): unknown => stream('stderr').write(text) };

/**
 * Writes a stream of bytes to standard output, which stays open: if it is a socket, as under node, its end would cut off all other
 * programs that write to it. Ends quietly if the reader has closed the pipe, as `| head` does: cat does the same.
 *
 * @param pieces is closed before this returns or throws
 * @param signal ends a wait for a reader that takes nothing
 * @throws LayerhookError NO_SPACE, SYSTEM, ABORTED or the signal's reason, and what `pieces` throws
 */
export async function writeOut(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const out = stream('stdout');
  let failed: NodeJS.ErrnoException | undefined;
  const fail = (error: NodeJS.ErrnoException) => {
    failed ??= error;
  };
  out.off('error', reportUnwritten).on('error', fail);
  try {
    for await (const piece of pieces) {
      const written = new Promise<void>((resolve) => void out.write(piece, () => resolve()));
      await orAborted(written, signal);
      if (failed !== undefined) break;
    }
  } finally {
    out.off('error', fail).on('error', reportUnwritten);
  }
  if (failed !== undefined && errorCode(failed) !== 'EPIPE')
    throw fsError(failed, 'cannot write to standard output');
}

/** True if standard error is a terminal. */
export function isTerminal(): boolean {
  const { rdev } = fstatSync(2);
  // for a file, a pipe or /dev/null the answer is known without creating process.stderr
  return (
    rdev !== 0 &&
    rdev !== statSync('/dev/null', { throwIfNoEntry: false })?.rdev &&
    process.stderr.isTTY === true
  );
}

/** True if neither stream has output that waits for a slow reader, or an error that it has not reported yet. */
export function isAllWritten(): boolean {
  return [...created].every((name) => process[name].writableLength === 0 && process[name].errored === null);
}

/**
 * Waits until the reader of stdout has taken what was written.
 *
 * @returns false if the reader has closed its end: more output is useless
 */
export async function drained(): Promise<boolean> {
  const { stdout } = process;
  if (stdout.writableNeedDrain && !stdout.destroyed) {
    await new Promise<void>((resolve) => {
      const settle = () => {
        for (const event of events) stdout.off(event, settle);
        resolve();
      };
      const events = ['drain', 'close', 'error'] as const;
      for (const event of events) stdout.once(event, settle);
    });
  }
  return !stdout.destroyed;
}

const created = new Set<'stdout' | 'stderr'>();

function stream(name: 'stdout' | 'stderr'): NodeJS.WriteStream {
  const stream = process[name];
  if (!created.has(name)) stream.on('error', reportUnwritten);
  created.add(name);
  return stream;
}

/**
 * Throws the error of output that is lost, for instance on a full disk. Ignores errors of a reader that has closed its pipe
 * (`layerhook ls | head -1`) and of a closed terminal (EIO).
 */
function reportUnwritten(this: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || (error.code === 'EIO' && this.isTTY)) return;
  throw fsError(error, `cannot write to ${this === process.stdout ? 'standard output' : 'standard error'}`);
}
