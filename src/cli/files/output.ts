import {
  constants,
  createWriteStream,
  fstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { closeOnError } from '../../system/close-on-error.js';
import { maxSymlinks } from '../../system/path-limits.js';
import { throwIfAborted } from '../../system/steps.js';
import { makeWhole } from '../../system/temporary.js';

/** Milliseconds between two attempts to open a FIFO that has no reader yet. */
const retryMs = 10;

/**
 * Writes a file that a user names. A regular file is replaced atomically; a FIFO, a device or a descriptor (`/dev/stdout`,
 * `>(…)` of a shell) gets the content and keeps its name.
 *
 * @throws LayerhookError NO_SPACE, FILE_NOT_FOUND, SYSTEM; ABORTED after the signal
 */
export async function writeOutput(
  file: string,
  content: string | Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  try {
    const special = await openSpecial(file, signal);
    if (special === null) await makeWhole(file, 'file', (fd) => writeFileSync(fd, content));
    else await pipeline(Readable.from([content], { objectMode: false }), special, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw fsError(error, `cannot write ${file}`);
  }
}

/** True if {@link writeOutput} replaces the file, or creates it. */
export function isReplaceable(file: string): boolean {
  if (descriptorOf(file) !== undefined) return false;
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined || found.isFile() || found.isDirectory();
}

/**
 * Opens what is not a regular file by its own name: a FIFO, a device or a descriptor. Waits for the reader of a FIFO.
 *
 * @returns null for a file that the caller replaces
 * @throws LayerhookError ABORTED after the signal; errors of node:fs
 */
export async function openSpecial(file: string, signal: AbortSignal): Promise<Writable | null> {
  if (isReplaceable(file)) return null;
  const fd = descriptorOf(file);
  if (fd !== undefined && !canBeOpened(fd)) return createWriteStream(file, { fd, autoClose: false });
  if (statSync(file).isFIFO()) return openFifo(file, signal);
  return createWriteStream(file, { fd: openSync(file, constants.O_WRONLY | constants.O_NOCTTY) });
}

/** True if open(2) of a descriptor's path is the same as the descriptor: a file would have another offset, and a socket fails. */
function canBeOpened(fd: number): boolean {
  const found = fstatSync(fd);
  return !found.isFile() && !found.isSocket();
}

/** Waits for a reader without a thread of node: such a thread would keep the process alive after a signal. */
async function openFifo(file: string, signal: AbortSignal): Promise<Writable> {
  const { Socket } = await import('node:net');
  for (;;) {
    throwIfAborted(signal);
    const fd = tryOpen(file);
    if (fd !== undefined) {
      return closeOnError(fd, () => {
        if (!fstatSync(fd).isFIFO()) throw new Error('another file has taken its name');
        return new Socket({ fd, readable: false, writable: true });
      });
    }
    await sleep(retryMs, undefined, { signal }).catch(() => {});
  }
}

/** Returns undefined if the FIFO has no reader. */
function tryOpen(file: string): number | undefined {
  try {
    return openSync(file, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (errorCode(error) === 'ENXIO') return undefined;
    throw error;
  }
}

/**
 * Returns the descriptor of this process for a path such as `/dev/stdout` or `/dev/fd/3`. Such a path must not be replaced,
 * though stat finds a regular file behind it: root would replace /dev/stdout of the machine.
 */
export function descriptorOf(path: string): number | undefined {
  let file = resolve(path);
  for (let hops = 0; hops < maxSymlinks; hops++) {
    const directory = attempt(() => realpathSync(dirname(file)));
    if (directory === undefined) return undefined;
    if (directory === `/proc/${process.pid}/fd`) return Number(basename(file));
    const target = attempt(() => readlinkSync(file));
    if (target === undefined) return undefined;
    file = resolve(directory, target);
  }
  return undefined;
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
