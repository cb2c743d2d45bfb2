import { LayerhookError } from '../errors/index.js';
import { E, SystemError } from './errno.js';
import { libcFunction, result } from './libc.js';

const operations = { shared: 1, exclusive: 2, unlock: 8 } as const;
const nonBlocking = 4;

const libcFlock = libcFunction<[fd: number, operation: number]>('flock', 'int', ['int', 'int']);

/**
 * Locks a whole open file or directory against other processes; flock(2).
 *
 * @param fd an open file; the lock lasts until all copies of this descriptor are closed
 * @param options `wait`: true blocks this thread until the lock is free; default: false
 * @returns false if another process has the lock and `wait` is false
 * @throws LayerhookError SYSTEM
 */
export function flock(
  fd: number,
  operation: keyof typeof operations,
  { wait = false }: { wait?: boolean } = {},
): boolean {
  for (;;) {
    const done = result(libcFlock(fd, operations[operation] | (wait ? 0 : nonBlocking)));
    if (done >= 0) return true;
    if (done === -E.EAGAIN) return false;
    if (done === -E.EINTR) continue;
    const cause = new SystemError(-done, 'flock', `fd ${fd}`);
    const expected = 'the file system must support locks (flock)';
    throw new LayerhookError('SYSTEM', { what: 'flock', reason: cause.code, expected }, cause);
  }
}
