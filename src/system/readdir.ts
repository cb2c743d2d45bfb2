import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { check, result, syscallFunction } from './libc.js';

/** d_type of a directory entry; readdir(3). `DT_UNKNOWN`: the filesystem does not say, ask stat. */
export const DT = { UNKNOWN: 0, FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12 } as const;

export interface DirectoryEntry {
  name: ByteString;
  /** one of {@link DT} */
  type: number;
}

const getdents64 = syscallFunction<[fd: number, out: Buffer, size: number]>('getdents64', [
  'long',
  'void*',
  'long',
]);
const buffer = Buffer.alloc(64 * 1024);

/**
 * Entries of the open directory `fd` from where it stands (once: a second call finds it at its end), without
 * `.` and `..`, in the filesystem's order; getdents64(2).
 *
 * @throws SystemError
 */
export function readDirectory(fd: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const done = result(getdents64(fd, buffer, buffer.length));
    // a directory that was removed since it was opened has no entries
    if (done === 0 || done === -E.ENOENT) return entries;
    const length = check(done, 'getdents64', `fd ${fd}`);
    // decoded at once and cut up: several times quicker than name by name
    const text = buffer.toString('latin1', 0, length);
    for (let at = 0; at < length; at += buffer[at + 16]! | (buffer[at + 17]! << 8)) {
      const name = text.slice(at + 19, text.indexOf('\0', at + 19));
      if (name !== '.' && name !== '..') entries.push({ name, type: buffer[at + 18]! });
    }
  }
}
