import {
  chownSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  promises,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';

/**
 * A small regular file of a layout, whole.
 *
 * @returns undefined if there is none
 * @throws LayerhookError LIMIT_EXCEEDED, SYSTEM
 */
export function readSmallFile(path: string, maxBytes: number): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    if (stat.size > maxBytes)
      throw new LayerhookError('LIMIT_EXCEEDED', { what: path, limit: `${maxBytes} bytes` });
    const bytes = Buffer.allocUnsafe(stat.size);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(fd, bytes, length, bytes.length - length, null);
    }
    return bytes.subarray(0, length);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fsError(error, `reading ${path}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The names in a directory, none if there is no such directory. @throws LayerhookError SYSTEM */
export function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw fsError(error, `reading ${path}`);
  }
}

/**
 * Writes a new file, flushed to disk, owned as the layout is (root would else leave files in a user's layout that
 * the user cannot read). If it fails, no file is left.
 *
 * @param onChunk sees each chunk before it is written
 * @throws LayerhookError NO_SPACE, SYSTEM; and what `content` throws
 */
export async function writeNewFile(
  path: string,
  layout: string,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  onChunk?: (chunk: Uint8Array) => void,
): Promise<void> {
  const handle = await promises.open(path, 'wx', 0o644).catch((error: unknown) => {
    throw fsError(error, `writing ${path}`);
  });
  try {
    for await (const chunk of content) {
      onChunk?.(chunk);
      await writeAll(handle, chunk, path);
    }
    await finish(handle, path, layout);
  } catch (error) {
    await promises.rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/** Puts a complete file in its place, durably. @throws LayerhookError SYSTEM */
export async function publishFile(temporary: string, path: string): Promise<void> {
  try {
    await promises.rename(temporary, path);
    const directory = await promises.open(dirname(path));
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    throw fsError(error, `writing ${path}`);
  }
}

/** Makes a directory of a layout, owned as the layout is; nothing if it is there. @throws LayerhookError SYSTEM */
export function makeOwnedDirectory(path: string, layout: string): void {
  try {
    mkdirSync(path, 0o755);
    if (process.geteuid?.() !== 0) return;
    const { uid, gid } = statSync(layout);
    chownSync(path, uid, gid);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw fsError(error, `making ${path}`);
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, path: string): Promise<void> {
  try {
    await handle.writeFile(chunk);
  } catch (error) {
    throw fsError(error, `writing ${path}`);
  }
}

async function finish(handle: FileHandle, path: string, layout: string): Promise<void> {
  try {
    if (process.geteuid?.() === 0) {
      const { uid, gid } = statSync(layout);
      await handle.chown(uid, gid);
    }
    await handle.sync();
  } catch (error) {
    throw fsError(error, `writing ${path}`);
  }
}
