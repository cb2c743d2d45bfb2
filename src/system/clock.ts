import { check, libcFunction, result } from './libc.js';

const CLOCK_REALTIME = 0;
/** a struct timespec: seconds and nanoseconds, 64 bits each */
const timespec = Buffer.alloc(16);

const libcClock = libcFunction<[clock: number, time: Buffer]>('int clock_gettime(int, void*)');

/**
 * Returns the current time; clock_gettime(2), CLOCK_REALTIME.
 *
 * @returns milliseconds since the epoch, as Date.now() does, but with microseconds as the fraction
 */
export function preciseNow(): number {
  check(result(libcClock(CLOCK_REALTIME, timespec)), 'clock_gettime', '');
  return Number(timespec.readBigInt64LE(0)) * 1000 + Number(timespec.readBigInt64LE(8)) / 1e6;
}
