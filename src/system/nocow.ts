import type { ByteString } from './bytes.js';
import { AT_FDCWD, close, O, openat } from './files.js';
import { check, libcFunction, result } from './libc.js';

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_NOCOW_FL = 0x00800000;

const ioctl = libcFunction<[fd: number, request: number, flags: Buffer]>('ioctl', 'int', [
  'int',
  'ulong',
  'void*',
]);

/**
 * Disables copy-on-write (btrfs) for files that will be created in a directory; FS_NOCOW_FL of ioctl_iflags(2).
 *
 * @throws SystemError ENOTTY or EOPNOTSUPP if the filesystem does not have this flag
 */
export function disableCopyOnWrite(directory: ByteString): void {
  const fd = openat(AT_FDCWD, directory, O.RDONLY | O.DIRECTORY);
  const flags = Buffer.alloc(8);
  try {
    check(result(ioctl(fd, FS_IOC_GETFLAGS, flags)), 'ioctl', directory);
    flags.writeUInt32LE((flags.readUInt32LE() | FS_NOCOW_FL) >>> 0);
    check(result(ioctl(fd, FS_IOC_SETFLAGS, flags)), 'ioctl', directory);
  } finally {
    close(fd);
  }
}
