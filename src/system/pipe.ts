import { closeOnError } from './close-on-error.js';
import { E } from './errno.js';
import { O } from './files.js';
import { check, libcFunction, result } from './libc.js';

const POLLOUT = 4;
const F_SETFL = 4;

const native = {
  pipe2: libcFunction<[fds: Buffer, flags: number]>('int pipe2(void*, int)'),
  fcntl: libcFunction<[fd: number, command: number, flags: number]>('int fcntl(int, int, long)'),
  poll: libcFunction<[fds: Buffer, count: number, ms: number]>('int poll(void*, ulong, int)'),
};

/**
 * Creates a pipe; pipe2(2). Programs that this process starts get an end only if it is passed on. Writes never block: a full
 * pipe answers EAGAIN, and {@link pollWritable} waits for room.
 *
 * @throws SystemError
 */
export function makePipe(): { read: number; write: number } {
  const fds = Buffer.alloc(8);
  check(result(native.pipe2(fds, O.CLOEXEC)), 'pipe2', '');
  const [read, write] = [fds.readInt32LE(0), fds.readInt32LE(4)];
  const done = result(native.fcntl(write, F_SETFL, O.NONBLOCK));
  closeOnError(read, () => closeOnError(write, () => check(done, 'fcntl', '')));
  return { read, write };
}

/** Waits until a write to a pipe would not fail with EAGAIN, at most `ms` milliseconds; poll(2). Blocks the thread. */
export function pollWritable(fd: number, ms: number): void {
  const polled = Buffer.alloc(8);
  polled.writeInt32LE(fd, 0);
  polled.writeInt16LE(POLLOUT, 4);
  const done = result(native.poll(polled, 1, ms));
  if (done !== -E.EINTR) check(done, 'poll', '');
}
