import type { ByteString } from './bytes.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat } from './files.js';
import { ioctlNumber, tryIoctl } from './ioctl.js';

const enableBytes = 128;
const headerBytes = 4;
const digestBytes = 32;
const SHA256 = 1;
const blockBytes = 4096;
const FS_IOC_ENABLE_VERITY = ioctlNumber('write', 0x66, 133, enableBytes);
const FS_IOC_MEASURE_VERITY = ioctlNumber('both', 0x66, 134, headerBytes);

/**
 * Enables fs-verity on a file: from now on nothing can change the file, and the kernel verifies each block that it reads;
 * Linux Documentation/filesystems/fsverity.rst. The file must not be open for writing.
 *
 * @returns the file's digest, in hexadecimal; null if the kernel or the filesystem lacks fs-verity
 * @throws SystemError
 */
export function enableVerity(path: ByteString): string | null {
  const fd = openat(AT_FDCWD, path, O.RDONLY | O.NOFOLLOW);
  try {
    const argument = Buffer.alloc(enableBytes);
    argument.writeUInt32LE(1, 0);
    argument.writeUInt32LE(SHA256, 4);
    argument.writeUInt32LE(blockBytes, 8);
    const done = tryIoctl(fd, FS_IOC_ENABLE_VERITY, argument);
    if (isUnsupported(done)) return null;
    if (done < 0 && done !== -E.EEXIST) throw new SystemError(-done, 'ioctl', path);
    return measure(fd, path);
  } finally {
    close(fd);
  }
}

/** Returns the fs-verity digest of a file, in hexadecimal; null if the file has none. @throws SystemError */
export function verityDigest(path: ByteString): string | null {
  const fd = openat(AT_FDCWD, path, O.RDONLY | O.NOFOLLOW);
  try {
    return measure(fd, path);
  } finally {
    close(fd);
  }
}

function measure(fd: number, path: ByteString): string | null {
  const argument = Buffer.alloc(headerBytes + digestBytes);
  argument.writeUInt16LE(digestBytes, 2);
  const done = tryIoctl(fd, FS_IOC_MEASURE_VERITY, argument);
  if (isUnsupported(done) || done === -E.ENODATA) return null;
  if (done < 0) throw new SystemError(-done, 'ioctl', path);
  return argument.toString('hex', headerBytes);
}

/** True for a kernel without fs-verity (ENOTTY), and for a filesystem without it or with the wrong block size. */
function isUnsupported(done: number): boolean {
  return done === -E.ENOTTY || done === -E.EOPNOTSUPP || done === -E.EINVAL;
}
