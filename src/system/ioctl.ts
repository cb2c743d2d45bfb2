import type { ByteString } from './bytes.js';
import { check, libcFunction, result } from './libc.js';

const libcIoctl = libcFunction<[fd: number, request: number, argument: Buffer]>('ioctl', 'int', [
  'int',
  'ulong',
  'void*',
]);

const directions = { none: 0, write: 1, read: 2, both: 3 } as const;

/**
 * The number of an ioctl as the kernel's `_IO`, `_IOW`, `_IOR` and `_IOWR` make it on all that node runs on but
 * ppc64; include/uapi/asm-generic/ioctl.h.
 *
 * @param direction as the caller sees it: `write` gives the argument to the kernel
 * @param size bytes of the argument
 */
export function ioctlNumber(
  direction: keyof typeof directions,
  type: number,
  number: number,
  size: number,
): number {
  return ((directions[direction] << 30) | (size << 16) | (type << 8) | number) >>> 0;
}

/**
 * Asks the driver or filesystem of an open file for something; ioctl(2).
 *
 * @param argument its struct, read and written in place
 * @param path only for the error
 * @throws SystemError
 */
export function ioctl(fd: number, request: number, argument: Buffer, path: ByteString): number {
  return check(tryIoctl(fd, request, argument), 'ioctl', path);
}

/** As {@link ioctl}, but a failure is a negative errno. */
export function tryIoctl(fd: number, request: number, argument: Buffer): number {
  return result(libcIoctl(fd, request, argument));
}
