import { lstatSync } from 'node:fs';
import type { Change, ChangeKind } from '../layer/types.js';
import { type ByteString, fromText, showBytes, toBuffer } from '../system/bytes.js';
import { plainPath } from '../system/paths.js';
import { BadResult, show } from './check-result.js';
import { deltaEntry } from './fields.js';
import type { DeltaEntry } from './points.js';
import { typeWords } from './words.js';

const fields = Object.keys(deltaEntry);
const shape = '{path, kind?, inode?}';

/**
 * Reads all that a delta-list hook gives: paths cleaned, kinds that are left out looked up in rootfs.
 *
 * A path without kind that is missing in rootfs was deleted, any other one changed; so was one that is given
 * twice with different kinds. No symlink of rootfs is followed: what is below one is missing.
 *
 * @param stream what the hook gave: an iterable of `{path, kind?, inode?}`
 * @param rootfs absolute path
 * @throws BadResult for anything else, a path out of rootfs, a path of the host
 */
export async function collectDelta(stream: unknown, rootfs: string, signal: AbortSignal): Promise<Change[]> {
  const found = new Map<ByteString, Omit<DeltaEntry, 'path'>>();
  const hostPrefix = `${fromText(rootfs)}/`;
  const add = (entry: unknown): void => {
    const { path, kind, inode } = checkEntry(entry);
    if (path.startsWith(hostPrefix)) {
      throw new BadResult(`${showBytes(path)} is a path of the host: expected one relative to rootfs`);
    }
    const clean = cleanPath(path);
    const before = found.get(clean);
    found.set(clean, {
      ...((before === undefined || before.kind === kind) && kind !== undefined && { kind }),
      ...((before === undefined || before.inode === inode) && inode !== undefined && { inode }),
    });
  };
  if (isIterable(stream)) for (const entry of stream) add(entry);
  else if (isAsyncIterable(stream)) {
    for await (const entry of stream) {
      signal.throwIfAborted();
      add(entry);
    }
  } else throw new BadResult(`expected an iterable of ${shape}, got ${show(stream)}`);
  const isThere = existsIn(rootfs);
  return [...found].map(([path, { kind = isThere(path) ? 'modify' : 'delete', ...rest }]) => {
    return { path, kind, ...rest };
  });
}

/**
 * A path relative to the rootfs without `.`, empty components and slashes at its ends; `.` for the rootfs.
 *
 * @throws BadResult if it has `..` or a NUL byte, or is empty
 */
export function cleanPath(path: ByteString): ByteString {
  if (path === '') throw new BadResult('a path is empty');
  const plain = plainPath(path);
  if (plain !== undefined) return plain || '.';
  if (path.includes('\0')) throw new BadResult(`a path has a NUL byte: ${showBytes(path)}`);
  throw new BadResult(`${showBytes(path)} has "..": expected a path inside rootfs`);
}

function checkEntry(entry: unknown): DeltaEntry {
  if (typeof entry !== 'object' || entry === null) {
    throw new BadResult(`expected ${shape}, got ${show(entry)}`);
  }
  for (const key in entry) {
    if (!fields.includes(key)) throw new BadResult(`unknown key ${key}: expected ${shape}`);
  }
  const { path, kind, inode } = entry as Record<string, unknown>;
  if (typeof path !== 'string') throw new BadResult(`path: expected a string, got ${show(path)}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of a byte
  if (/[^\u0000-\u00ff]/.test(path)) {
    throw new BadResult(`path: expected bytes, got the text ${show(path)}; convert it with fromText()`);
  }
  if (kind !== undefined && !typeWords.kind.accepts?.(kind)) {
    throw new BadResult(`kind: expected add, modify or delete, got ${show(kind)}`);
  }
  if (inode !== undefined && typeof inode !== 'string') {
    throw new BadResult(`inode: expected a string, got ${show(inode)}`);
  }
  return {
    path,
    ...(kind !== undefined && { kind: kind as ChangeKind }),
    ...(inode !== undefined && { inode }),
  };
}

/** Returns a function that is true for paths in rootfs whose parents are all directories. */
function existsIn(rootfs: string): (path: ByteString) => boolean {
  const root = fromText(rootfs);
  const directories = new Map<ByteString, boolean>([['', true]]);
  const stat = (path: ByteString) => lstatSync(toBuffer(`${root}/${path}`), { throwIfNoEntry: false });
  const isDirectory = (path: ByteString): boolean => {
    let found = directories.get(path);
    if (found === undefined) {
      found = isDirectory(parent(path)) && stat(path)?.isDirectory() === true;
      directories.set(path, found);
    }
    return found;
  };
  return (path) => isDirectory(parent(path)) && stat(path) !== undefined;
}

function parent(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
