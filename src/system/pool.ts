import { fsError } from '../errors/fs-error.js';
import { SystemError } from './errno.js';
import { libcFunction, symbol } from './libc.js';

/** enough bytes for the sem_t of glibc and of musl */
const semaphoreBytes = 64;

let canStart = false;

/**
 * Checks that node's thread pool can start. Call it before the first asynchronous file operation, zlib stream or native
 * call. libuv starts all threads of the pool together, and aborts the process without a message if the system refuses one
 * of them. The check starts and ends as many threads (about 0.1 ms).
 *
 * @throws LayerhookError SYSTEM
 */
export function requireThreadPool(): void {
  if (canStart) return;
  const error = startAndEnd(Number(process.env.UV_THREADPOOL_SIZE) || 4);
  if (error !== 0) {
    throw fsError(new SystemError(error, 'pthread_create', ''), "cannot start the threads of node's pool");
  }
  canStart = true;
}

/** Starts and ends `count` threads. Returns an errno, or 0 if they can run at the same time. */
function startAndEnd(count: number): number {
  const create = libcFunction<[thread: Buffer, attributes: null, start: unknown, argument: Buffer]>(
    'int pthread_create(void*, void*, void*, void*)',
  );
  const join = libcFunction<[thread: bigint, value: null]>('int pthread_join(uintptr_t, void*)');
  const post = libcFunction<[Buffer]>('int sem_post(void*)');
  const semaphore = Buffer.alloc(semaphoreBytes);
  libcFunction<[Buffer, number, number]>('int sem_init(void*, int, uint)')(semaphore, 0, 0);
  const wait = symbol('sem_wait');
  const threads: bigint[] = [];
  const thread = Buffer.alloc(8);
  let error = 0;
  while (threads.length < count && error === 0) {
    error = create(thread, null, wait, semaphore);
    if (error === 0) threads.push(thread.readBigUInt64LE());
  }
  for (const _ of threads) post(semaphore);
  for (const started of threads) join(started, null);
  return error;
}
