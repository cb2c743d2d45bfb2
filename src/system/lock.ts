import koffi from 'koffi';
import { LayerhookError } from '../errors/index.js';

const OPERATIONS = { shared: 1, exclusive: 2, unlock: 8 } as const;
const NON_BLOCKING = 4;

const libc = koffi.load('libc.so.6');
const libcFlock = libc.func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;

/**
 * Locks a whole open file or directory against other processes; flock(2).
 *
 * @param fd an open file; the lock lives until every copy of this descriptor is closed
 * @param options `wait` blocks this thread until the lock is free
 * @returns false if another has the lock and `wait` is false
 * @throws LayerhookError SYSTEM
 */
export function flock(fd: number, operation: keyof typeof OPERATIONS, options: { wait: boolean }): boolean {
  for (;;) {
    if (libcFlock(fd, OPERATIONS[operation] | (options.wait ? 0 : NON_BLOCKING)) === 0) return true;
    const errno = koffi.errno();
    if (errno === koffi.os.errno.EAGAIN) return false;
    if (errno === koffi.os.errno.EINTR) continue;
    throw new LayerhookError('SYSTEM', {
      what: 'flock',
      reason: `errno ${errno}`,
      expected: 'the file system must support locks (flock)',
    });
  }
}
