import { readFileSync, statfsSync } from 'node:fs';
import { systemWords } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { openat as openToRead } from './access.js';
import { type ByteString, toBuffer } from './bytes.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat } from './files.js';
import { libcAsyncFunction, libcFunction, result } from './libc.js';
import { requireThreadPool } from './pool.js';

const libcSyncfs = libcAsyncFunction<[fd: number]>('int syncfs(int)');
const libcSyncfsNow = libcFunction<[fd: number]>('int syncfs(int)');

const libcFallocate = libcFunction<[fd: number, mode: number, offset: number, length: number]>(
  'int fallocate(int, int, int64, int64)',
);
const FALLOC_FL_KEEP_SIZE = 1;

const libcMmap = libcFunction<
  [address: null, length: number, protection: number, flags: number, fd: number, offset: number]
>('intptr_t mmap(void*, size_t, int, int, int, int64)');
const libcMadvise = libcFunction<[address: number, length: number, advice: number]>(
  'int madvise(intptr_t, size_t, int)',
);
const libcMunmap = libcFunction<[address: number, length: number]>('int munmap(intptr_t, size_t)');
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MADV_POPULATE_WRITE = 23;

/** f_type of statfs(2) for filesystems with special behaviour. */
const names: Readonly<Record<number, string>> = {
  16914836: 'tmpfs',
  19780: 'vfat',
  538032816: 'exfat',
  26985: 'nfs',
  2035054128: 'overlay',
  1702057286: 'fuse',
  2435016766: 'btrfs',
  1481003842: 'xfs',
  61267: 'ext',
  4283649346: 'cifs',
  4266872130: 'smb2',
  16914839: '9p',
  801189825: 'zfs',
  61791: 'ecryptfs',
  40864: 'proc',
  1650812274: 'sysfs',
  1936814952: 'squashfs',
  4076150800: 'f2fs',
};

export interface Filesystem {
  /** the name of a common filesystem, else the number in hex */
  type: string;
  /** bytes */
  size: number;
  /** bytes that this user may use */
  free: number;
  inodes: number;
  freeInodes: number;
}

/**
 * Describes the filesystem of `path`; statfs(2).
 *
 * @throws errors of node:fs
 */
export function filesystemOf(path: ByteString): Filesystem {
  const { type, bsize, blocks, bavail, files, ffree } = statfsSync(toBuffer(path));
  return {
    type: names[type >>> 0] ?? `0x${(type >>> 0).toString(16)}`,
    size: blocks * bsize,
    free: bavail * bsize,
    inodes: files,
    freeInodes: ffree,
  };
}

/**
 * Writes all cached data of the filesystem of `path` to its device; syncfs(2).
 *
 * @throws SystemError if some data could not be written
 * @throws LayerhookError SYSTEM if no thread can start
 */
export async function syncFilesystem(path: ByteString): Promise<void> {
  requireThreadPool();
  const fd = openToRead(AT_FDCWD, path, O.RDONLY);
  try {
    const again = openToRead(AT_FDCWD, path, O.RDONLY);
    try {
      if ((await libcSyncfs(fd)) < 0) throw new SystemError(errorOfSync(again), 'syncfs', path);
    } finally {
      close(again);
    }
  } finally {
    close(fd);
  }
}

/**
 * Returns why a syncfs in another thread has failed, which cannot be asked there: the kernel reports a failed write once to each
 * descriptor that was open before. Nothing is left to write, so the call takes no time.
 */
function errorOfSync(fd: number): number {
  const done = result(libcSyncfsNow(fd));
  return done < 0 ? -done : E.EIO;
}

/**
 * Allocates space for a file from `offset`, also beyond its end, without changing its size; fallocate(2).
 *
 * @returns false if the filesystem is full or does not support this
 * @throws SystemError if the file cannot be opened
 */
export function tryAllocate(path: ByteString, offset: number, length: number): boolean {
  const fd = openat(AT_FDCWD, path, O.RDWR);
  try {
    return libcFallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length) >= 0;
  } finally {
    close(fd);
  }
}

/**
 * True if this process can write to a file through a mapping. False if the kernel would kill the process (SIGBUS) because
 * the filesystem is full or a quota is exceeded, even though all blocks of the file are allocated: btrfs does so. Linux
 * before 5.14 cannot tell. The pages of the file become dirty, with the content that they have.
 *
 * @throws SystemError if the file cannot be opened
 */
export function canWriteMapped(path: ByteString, length: number): boolean {
  const fd = openat(AT_FDCWD, path, O.RDWR);
  try {
    const address = result(libcMmap(null, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    if (address < 0) return true;
    const failed = -result(libcMadvise(address, length, MADV_POPULATE_WRITE));
    libcMunmap(address, length);
    return failed !== E.EFAULT;
  } finally {
    close(fd);
  }
}

/** Returns the UUID of the current boot of the machine; random(4). @throws LayerhookError SYSTEM if /proc is not mounted */
export function bootId(): string {
  const path = '/proc/sys/kernel/random/boot_id';
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    const [what, reason] = [`cannot read ${path}`, systemWords(error)];
    throw new LayerhookError('SYSTEM', { what, reason, expected: 'mount proc on /proc' }, error);
  }
}
