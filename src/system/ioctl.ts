import type { ByteString } from './bytes.js';
import { check, libcFunction, result } from './libc.js';

const libcIoctl = libcFunction<[fd: number, request: number, argument: Buffer]>(
  'int ioctl(int, ulong, void*)',
);

const directions = { none: 0, write: 1, read: 2, both: 3 } as const;

/**
 * Returns the number of an ioctl, as the kernel's `_IO`, `_IOW`, `_IOR` and `_IOWR` compute it; valid on all
 * architectures of node except ppc64. include/uapi/asm-generic/ioctl.h
 *
 * @param direction from the caller's view: `write` passes the argument to the kernel
 * @param size size of the argument in bytes
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
 * Sends a request to the driver or filesystem of an open file; ioctl(2).
 *
 * @param argument the struct of the request, which the kernel reads and writes in place
 * @param path used in the error only
 * @throws SystemError
 */
export function ioctl(fd: number, request: number, argument: Buffer, path: ByteString): number {
  return check(tryIoctl(fd, request, argument), 'ioctl', path);
}

/** Does the same as {@link ioctl}, but returns a negative errno if it fails. */
export function tryIoctl(fd: number, request: number, argument: Buffer): number {
  return result(libcIoctl(fd, request, argument));
}
