// process is the global one: importing node:process opens its streams, which makes pipes non-blocking
import { fsyncSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';
import type { ByteString } from './bytes.js';
import { isErrno, SystemError } from './errno.js';

/** A key of `process` where it runs nothing but layerhook. */
const OWN_PROCESS = Symbol.for('layerhook.own-process');

/** `dirfd` of the *at functions: the working directory. */
export const AT_FDCWD = -100;

process.on('exit', exitBeforeKoffi);

/** A libc function as koffi gives it: numbers in, a number out; buffers are passed by address. */
export type NativeFunction<Args extends unknown[]> = (...args: Args) => number;

// null: what is loaded already. Node itself is linked to the C library, glibc's or musl's, whatever its file is named.
const library = koffi.load(null);

/**
 * A function of the C library.
 *
 * @param types its parameters in koffi's words; `void*` takes a Buffer
 */
export function libcFunction<Args extends unknown[]>(
  name: string,
  result: 'int' | 'long',
  types: string[],
): NativeFunction<Args> {
  return library.func(name, result, types) as unknown as NativeFunction<Args>;
}

/**
 * A function of the C library that may take long, in a thread of its own.
 *
 * @returns the negative result where it failed; errno is not known
 */
export function libcAsyncFunction<Args extends unknown[]>(
  name: string,
  result: 'int' | 'long',
  types: string[],
): (...args: Args) => Promise<number> {
  const call = library.func(name, result, types) as unknown as { async(...args: unknown[]): void };
  return (...args) =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: Error | null, value: number) => (error ? reject(error) : resolve(value)));
    });
}

/**
 * Lets the process end before koffi's exit handlers. They flush stdout and stderr to the disk, report a failure on stderr, and
 * then wait forever for the lock of stderr, which they already hold. In a process of others, where more exit handlers may
 * matter, this happens only if they would wait.
 */
function exitBeforeKoffi(status: number): void {
  const isOurs = OWN_PROCESS in process;
  // koffi's exit handlers run when the process ends, not when a thread does
  if (!isOurs && (!isMainThread || (!cannotFlush(1) && !cannotFlush(2)))) return;
  const atExit = libcFunction<[handler: unknown, argument: number, library: null]>('__cxa_atexit', 'int', [
    'void*',
    'intptr_t',
    'void*',
  ]);
  // the last one runs first: node's own, which gives the terminal and the pipes back as they were, comes before the end
  atExit(symbol('_exit'), status, null);
  const resetStdio = exportedSymbol('_ZN4node10ResetStdioEv');
  if (resetStdio !== undefined) atExit(resetStdio, 0, null);
}

function exportedSymbol(name: string): unknown {
  try {
    return symbol(name);
  } catch {
    return undefined;
  }
}

/** True if koffi would report that it failed to flush: EINVAL is what pipes and terminals answer. */
function cannotFlush(fd: number): boolean {
  try {
    fsyncSync(fd);
    return false;
  } catch (error) {
    return !isErrno(error, 'EINVAL');
  }
}

/** Numbers of the system calls that not every C library has a function for. */
const numbers = {
  x64: { getdents64: 217, mknodat: 259, renameat2: 316, statx: 332, ...sinceLinux5() },
  arm64: { getdents64: 61, mknodat: 33, renameat2: 276, statx: 291, ...sinceLinux5() },
} as const;

/** Calls that are numbered alike everywhere. */
function sinceLinux5() {
  return {
    open_tree: 428,
    move_mount: 429,
    fsopen: 430,
    fsconfig: 431,
    fsmount: 432,
    openat2: 437,
    mount_setattr: 442,
  } as const;
}

/**
 * A system call by its number, for those that older C libraries lack: glibc has mknodat since 2.33,
 * musl has renameat2 since 1.2.6, neither has openat2. It sets errno as the C library's functions do.
 */
export function syscallFunction<Args extends unknown[]>(
  name: keyof (typeof numbers)['x64'],
  types: string[],
): NativeFunction<Args> {
  const { arch } = process;
  const table = arch === 'x64' || arch === 'arm64' ? numbers[arch] : undefined;
  if (table === undefined) throw new SystemError('ENOSYS', name, `architecture ${arch}`);
  const call = library.func('syscall', 'long', ['long', ...types]) as unknown as (
    ...args: unknown[]
  ) => number;
  return call.bind(null, table[name]) as NativeFunction<Args>;
}

/** The address of a function of the C library, for a call that takes one. */
export function symbol(name: string): unknown {
  return library.symbol(name);
}

/** The address of a buffer's bytes, for a structure that holds pointers. The buffer must outlive the call. */
export function pointerTo(buffer: Buffer): bigint {
  return koffi.address(buffer);
}

/** The errno of the last failed call of this thread; to be read before anything else is called. */
export function errno(): number {
  return koffi.errno();
}

/** What a call returned, or the negative errno where it failed. */
export function result(value: number): number {
  return value < 0 ? -errno() : value;
}

/**
 * A {@link result} that must not be an error.
 *
 * @throws SystemError
 */
export function check(value: number, syscall: string, path: ByteString): number {
  if (value < 0) throw new SystemError(-value, syscall, path);
  return value;
}

/** The first parameters of an *at function. */
export type AtPath = [dirfd: number, path: Buffer];

const PATH_MAX = 4096;
/** `latin1Write` is what `write` calls after looking at its arguments, which costs more than the call. */
type PathBuffer = Buffer & { latin1Write(text: string, offset: number): number };
const slots = [Buffer.alloc(PATH_MAX) as PathBuffer, Buffer.alloc(PATH_MAX) as PathBuffer] as const;

/**
 * The bytes of `name` with a NUL after them, in one of two buffers that every call shares.
 *
 * @throws SystemError ENAMETOOLONG; EINVAL if the name has a NUL, behind which the kernel would not see
 */
export function cString(name: ByteString, slot: 0 | 1 = 0): Buffer {
  const buffer = slots[slot];
  if (name.length >= PATH_MAX) throw new SystemError('ENAMETOOLONG', 'path', name);
  if (name.includes('\0')) throw new SystemError('EINVAL', 'path', name);
  buffer.latin1Write(name, 0);
  buffer[name.length] = 0;
  return buffer;
}
