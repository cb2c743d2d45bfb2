import { S } from '../system/files.js';
import type { EntryType } from '../tar/types.js';

/** The type of a file: a hardlink is one more name of a file. */
export type FileType = Exclude<EntryType, 'hardlink'>;

/** The S_IFMT bits of each type; inode(7). */
export const typeBits = {
  file: S.IFREG,
  directory: S.IFDIR,
  symlink: S.IFLNK,
  char: S.IFCHR,
  block: S.IFBLK,
  fifo: S.IFIFO,
} as const satisfies Readonly<Record<FileType, number>>;

/** The type of each value of the S_IFMT bits; sockets are missing. */
export const typeOfBits: ReadonlyMap<number, FileType> = new Map(
  Object.entries(typeBits).map(([type, bits]) => [bits, type as FileType]),
);
