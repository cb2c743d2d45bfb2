import { S } from '../../system/files.js';

/** bytes that file systems give out at a time, as far as small files go; and how stat(2) counts them */
const UNIT = 4096;
const BLOCK = 512;
/** bytes of a file of which it is not taken for granted how much of the disk it takes */
const LARGE = 64 * 1024;
/** seconds that every file system keeps, old ones have 32 bits for them */
const MAX_TIME = 2 ** 31;

/** What a regular file was made as, in the words of a StatBuffer: one that need not be looked at again. */
export class MadeFile {
  readonly type = S.IFREG;
  readonly isDirectory = false;
  readonly nlink = 1;
  /** of no account: only files with several names are told apart by it */
  readonly ino = 0n;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;

  private constructor(size: number, mode: number, uid: number, gid: number, mtimeSec: number) {
    this.size = size;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.mtimeSec = mtimeSec;
  }

  /** @returns null for a file of which stat(2) may say something else than what was asked for */
  static of(
    { size, mode, mtime }: { size: number; mode: number; mtime: { sec: number } },
    owner: { uid: number; gid: number },
  ): MadeFile | null {
    if (size > LARGE || mtime.sec < 0 || mtime.sec >= MAX_TIME) return null;
    return new MadeFile(size, mode & 0o7777, owner.uid, owner.gid, mtime.sec);
  }

  /** 512-byte blocks */
  get blocks(): number {
    return Math.ceil(this.size / UNIT) * (UNIT / BLOCK);
  }
}
