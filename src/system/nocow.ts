import type { ByteString } from './bytes.js';
import { AT_FDCWD, close, O, openat } from './files.js';
import { ioctl } from './ioctl.js';

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_NOCOW_FL = 0x00800000;

/**
 * Disables copy-on-write (btrfs) for files that will be created in a directory; FS_NOCOW_FL of ioctl_iflags(2).
 *
 * @throws SystemError ENOTTY or EOPNOTSUPP if the filesystem does not have this flag
 */
export function disableCopyOnWrite(directory: ByteString): void {
  const fd = openat(AT_FDCWD, directory, O.RDONLY | O.DIRECTORY);
  const flags = Buffer.alloc(8);
  try {
    ioctl(fd, FS_IOC_GETFLAGS, flags, directory);
    flags.writeUInt32LE((flags.readUInt32LE() | FS_NOCOW_FL) >>> 0);
    ioctl(fd, FS_IOC_SETFLAGS, flags, directory);
  } finally {
    close(fd);
  }
}
