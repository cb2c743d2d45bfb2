import { constants, fstatSync, openSync, statfsSync } from 'node:fs';
import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { close } from '../../system/close.js';
import { readUpTo, tooLarge } from '../../system/read-up-to.js';
import { untilAborted } from '../../system/until-aborted.js';

/** statfs(2): type of the file system of pipes that have no name. */
const pipefs = 0x50495045;

export interface ReadInputOptions {
  /** names the input in the error */
  what: string;
  /** largest size in bytes */
  maxBytes: number;
  /** completes the error after the limit: "which --max-manifest raises" */
  advice?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Reads a document that a user names: a regular file, a device, or a pipe that is already open (`/dev/stdin`, or `<(…)` of a
 * shell). A FIFO is refused: without a writer the command would wait for ever, and a bundle may have a FIFO in the place of a
 * document.
 *
 * @throws LayerhookError LIMIT_EXCEEDED, FILE_NOT_FOUND, SYSTEM; ABORTED after the signal
 */
export async function readInput(
  file: string,
  { what, maxBytes, advice, signal }: ReadInputOptions,
): Promise<Buffer> {
  let fd: number | undefined;
  try {
    fd = openInput(file);
    if (!fstatSync(fd).isFIFO()) return readUpTo(fd, what, maxBytes, advice);
    if (statfsSync(`/proc/self/fd/${fd}`).type !== pipefs) throw refusedFifo(file);
    const pipe = await pipeOf(fd);
    fd = undefined;
    return await gather(untilAborted(pipe, signal), { what, maxBytes, advice });
  } catch (error) {
    throw fsError(error, `cannot read ${file}`);
  } finally {
    if (fd !== undefined) close(fd);
  }
}

/** Opens a file or FIFO for reading, without waiting for the writer of a FIFO. @throws errors of node:fs */
export function openInput(file: string): number {
  return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
}

/**
 * Returns the bytes of a FIFO or pipe, which it waits for without a thread: a thread of node that waits in read(2) would keep
 * the process alive after a signal. The stream closes the descriptor.
 */
export async function pipeOf(fd: number): Promise<AsyncIterable<Buffer>> {
  const { Socket } = await import('node:net');
  return new Socket({ fd, readable: true, writable: false });
}

async function gather(
  source: AsyncIterable<Buffer>,
  { what, maxBytes, advice }: ReadInputOptions,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > maxBytes) throw tooLarge(what, maxBytes, advice);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function refusedFifo(file: string): LayerhookError {
  const expected = `name a regular file, or the output of a program: <(cat ${file})`;
  return new LayerhookError('SYSTEM', { what: `cannot read ${file}`, reason: 'it is a FIFO', expected });
}
