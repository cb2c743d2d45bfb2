import { fsError } from '../errors/fs-error.js';
import { SystemError } from './errno.js';
import { libcFunction, symbol } from './libc.js';

/** size of glibc's and musl's sem_t, and more */
const SEMAPHORE_BYTES = 64;

let canStart = false;

/**
 * Makes sure that node's thread pool can start, before asynchronous file operations, zlib streams or native calls first use
 * it. libuv starts all its threads at once, and aborts the process, without a word, if the system refuses one of them: as
 * many threads are started here, and ended (about 0.1 ms).
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

/** @returns an errno; 0 if `count` threads can run side by side */
function startAndEnd(count: number): number {
  const create = libcFunction<[thread: Buffer, attributes: null, start: unknown, argument: Buffer]>(
    'pthread_create',
    'int',
    ['void*', 'void*', 'void*', 'void*'],
  );
  const join = libcFunction<[thread: bigint, value: null]>('pthread_join', 'int', ['uintptr_t', 'void*']);
  const post = libcFunction<[Buffer]>('sem_post', 'int', ['void*']);
  const semaphore = Buffer.alloc(SEMAPHORE_BYTES);
  libcFunction<[Buffer, number, number]>('sem_init', 'int', ['void*', 'int', 'uint'])(semaphore, 0, 0);
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
