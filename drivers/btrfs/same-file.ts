import { readSync } from 'node:fs';
import { isHostXattr, type Steps } from 'layerhook';
import {
  type ByteString,
  close,
  O,
  openat,
  pathIn,
  readlinkat,
  readXattrs,
  S,
  StatBuffer,
} from 'layerhook/system';

/** A file in an open directory, with its stat. */
export interface Spot {
  dirfd: number;
  name: ByteString;
  stat: FileStat;
}

/** The result of statx(2), with the two halves of a number combined. */
export class FileStat extends StatBuffer {
  /** btrfs counts inodes up from 256, so a JavaScript number is exact */
  get inode(): number {
    return this.inoHigh * 2 ** 32 + this.inoLow;
  }
  /** ns since the epoch */
  get ctime(): bigint {
    return BigInt(this.ctimeSec) * 1_000_000_000n + BigInt(this.ctimeNsec);
  }
}

/**
 * True if two files are the same to an image, apart from their names and other links. Times are compared in seconds, as in
 * umoci's mtree manifest; attributes of the host are ignored.
 *
 * @throws SystemError
 */
export function* sameFile(a: Spot, b: Spot): Steps<boolean> {
  return sameStat(a.stat, b.stat) && sameXattrs(a, b) && (yield* sameContent(a, b));
}

function sameStat(a: StatBuffer, b: StatBuffer): boolean {
  if (a.type !== b.type || a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.mtimeSec !== b.mtimeSec) return false;
  if (a.isFile || a.isSymlink) return a.size === b.size;
  const isDevice = a.type === S.IFCHR || a.type === S.IFBLK;
  return !isDevice || (a.rdevMajor === b.rdevMajor && a.rdevMinor === b.rdevMinor);
}

function sameXattrs(a: Spot, b: Spot): boolean {
  const [before, after] = [a, b].map(({ dirfd, name }) => {
    const found = [...readXattrs(pathIn(dirfd, name))].filter(([key]) => !isHostXattr(key));
    return new Map(found);
  }) as [Map<ByteString, Buffer>, Map<ByteString, Buffer>];
  if (before.size !== after.size) return false;
  return [...before].every(([key, value]) => after.get(key)?.equals(value) === true);
}

function* sameContent(a: Spot, b: Spot): Steps<boolean> {
  if (a.stat.isSymlink) return readlinkat(a.dirfd, a.name) === readlinkat(b.dirfd, b.name);
  if (!a.stat.isFile || a.stat.size === 0) return true;
  const fds: number[] = [];
  try {
    for (const { dirfd, name } of [a, b])
      fds.push(openat(dirfd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY));
    return yield* sameBytes(fds[0]!, fds[1]!);
  } finally {
    fds.forEach(close);
  }
}

const blockSize = 256 * 1024;

function* sameBytes(a: number, b: number): Steps<boolean> {
  const blocks = [Buffer.allocUnsafe(blockSize), Buffer.allocUnsafe(blockSize)] as const;
  for (;;) {
    const length = readSync(a, blocks[0]);
    if (readFully(b, blocks[1], length) !== length) return false;
    if (length === 0) return readSync(b, blocks[1]) === 0;
    if (blocks[0].compare(blocks[1], 0, length, 0, length) !== 0) return false;
    yield;
  }
}

/** Reads `length` bytes, or fewer at the end of the file. */
function readFully(fd: number, out: Buffer, length: number): number {
  let done = 0;
  while (done < length) {
    const read = readSync(fd, out, done, length - done, null);
    if (read === 0) break;
    done += read;
  }
  return done;
}
