import { S } from '../../system/files.js';
import { statBlockBytes } from '../../system/stat.js';

/** Bytes of the units in which filesystems allocate small files. */
const unitBytes = 4096;
/** Bytes of a file above which its allocated size is not predictable. */
const largeBytes = 64 * 1024;
/** Times below this, in seconds, fit the 32 bits of old filesystems. */
const maxTime = 2 ** 31;

/** The stat of a regular file as predicted from its entry, with the fields of a StatBuffer. It saves a call of stat(2). */
export class MadeFile {
  readonly type = S.IFREG;
  readonly isDirectory = false;
  readonly nlink = 1;
  /** does not matter: only files with several names are identified by it */
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

  /** @returns null if the result of stat(2) is not predictable */
  static of(
    { size, mode, mtime }: { size: number; mode: number; mtime: { sec: number } },
    owner: { uid: number; gid: number },
  ): MadeFile | null {
    if (size > largeBytes || mtime.sec < 0 || mtime.sec >= maxTime) return null;
    return new MadeFile(size, mode & 0o7777, owner.uid, owner.gid, mtime.sec);
  }

  /** blocks of {@link statBlockBytes} */
  get blocks(): number {
    return Math.ceil(this.size / unitBytes) * (unitBytes / statBlockBytes);
  }
}
