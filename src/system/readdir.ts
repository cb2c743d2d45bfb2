import { readlinkSync } from 'node:fs';
import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { check, result, syscallFunction } from './libc.js';

/** d_type of a directory entry; readdir(3). UNKNOWN: the filesystem does not tell the type; use stat. */
export const DT = { UNKNOWN: 0, FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12 } as const;

export interface DirectoryEntry {
  name: ByteString;
  /** one of {@link DT} */
  type: number;
}

const getdents64 = syscallFunction<[fd: number, out: Buffer, size: number]>(
  'getdents64',
  'long, void*, long',
);
const buffer = Buffer.alloc(64 * 1024);

/**
 * Reads the entries of the open directory `fd`, without `.` and `..`, in the filesystem's order; getdents64(2). Reading
 * begins at the descriptor's position and moves it to the end: a second call returns no entries.
 *
 * @param path of the directory, for the error; default: the one that the kernel knows
 * @throws SystemError
 */
export function readDirectory(fd: number, path?: ByteString): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const done = result(getdents64(fd, buffer, buffer.length));
    // ENOENT: the directory was removed after it was opened
    if (done === 0 || done === -E.ENOENT) return entries;
    const length = check(done, 'getdents64', done < 0 ? (path ?? openedPath(fd)) : '');
    // decoding the whole buffer and slicing it is several times faster than decoding each name
    const text = buffer.toString('latin1', 0, length);
    for (let at = 0; at < length; at += buffer[at + 16]! | (buffer[at + 17]! << 8)) {
      const name = text.slice(at + 19, text.indexOf('\0', at + 19));
      if (name !== '.' && name !== '..') entries.push({ name, type: buffer[at + 18]! });
    }
  }
}

function openedPath(fd: number): ByteString {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`, 'latin1');
  } catch {
    return `fd ${fd}`;
  }
}
