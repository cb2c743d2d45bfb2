import { LayerhookError } from '../errors/index.js';
import { E, SystemError } from './errno.js';
import { libcFunction, result } from './libc.js';

const OPERATIONS = { shared: 1, exclusive: 2, unlock: 8 } as const;
const NON_BLOCKING = 4;

const libcFlock = libcFunction<[fd: number, operation: number]>('flock', 'int', ['int', 'int']);

/**
 * Locks a whole open file or directory against other processes; flock(2).
 *
 * @param fd an open file; the lock lives until every copy of this descriptor is closed
 * @param options `wait` blocks this thread until the lock is free; default: do not
 * @returns false if another has the lock and `wait` is false
 * @throws LayerhookError SYSTEM
 */
export function flock(
  fd: number,
  operation: keyof typeof OPERATIONS,
  { wait = false }: { wait?: boolean } = {},
): boolean {
  for (;;) {
    const done = result(libcFlock(fd, OPERATIONS[operation] | (wait ? 0 : NON_BLOCKING)));
    if (done >= 0) return true;
    if (done === -E.EAGAIN) return false;
    if (done === -E.EINTR) continue;
    const cause = new SystemError(-done, 'flock', `fd ${fd}`);
    const expected = 'the file system must support locks (flock)';
    throw new LayerhookError('SYSTEM', { what: 'flock', reason: cause.code, expected }, cause);
  }
}
