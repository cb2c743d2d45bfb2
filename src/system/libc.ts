// uses the global `process`: importing node:process opens the standard streams, which makes pipes non-blocking
import { fsyncSync } from 'node:fs';
import koffi from 'koffi';
import type { ByteString } from './bytes.js';
import { isErrno, SystemError } from './errno.js';
import { ownProcess } from './own-process.js';
import { pathMax } from './path-limits.js';

/** `dirfd` of the *at functions that stands for the working directory. */
export const AT_FDCWD = -100;

process.on('exit', exitBeforeKoffi);

/** A libc function from koffi: takes numbers, returns a number; buffers are passed by address. */
export type NativeFunction<Args extends unknown[]> = (...args: Args) => number;

// null: the libraries already loaded. node is linked to the C library, which is a different file for glibc and musl.
const library = koffi.load(null);

/**
 * Returns a function of the C library.
 *
 * @param prototype in koffi's types, such as `int fchmod(int, uint)`; `void*` takes a Buffer
 */
export function libcFunction<Args extends unknown[]>(prototype: string): NativeFunction<Args> {
  return library.func(prototype) as unknown as NativeFunction<Args>;
}

/**
 * Returns a function of the C library that may take long and runs in another thread.
 *
 * @returns the promise of its result; negative if the call failed, without the errno
 */
export function libcAsyncFunction<Args extends unknown[]>(
  prototype: string,
): (...args: Args) => Promise<number> {
  const call = library.func(prototype) as unknown as { async(...args: unknown[]): void };
  return (...args) =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: Error | null, value: number) => (error ? reject(error) : resolve(value)));
    });
}

/**
 * Ends the process before koffi's exit handlers run. They flush stdout and stderr to the disk; if that fails, they report
 * it on stderr, and wait forever for the lock of stderr, which they already hold. In a program that uses the library,
 * other exit handlers may matter: there the process ends early only if koffi's handlers would wait.
 */
function exitBeforeKoffi(status: number): void {
  const isOurs = ownProcess in process;
  // koffi's exit handlers run when the process ends, not when a thread ends
  if (!isOurs && (!isMainThread() || (!cannotFlush(1) && !cannotFlush(2)))) return;
  const atExit = libcFunction<[handler: unknown, argument: number, library: null]>(
    'int __cxa_atexit(void*, intptr_t, void*)',
  );
  // handlers run in reverse order: node's own handler restores the terminal and the pipes, and _exit follows
  atExit(symbol('_exit'), status, null);
  const resetStdio = exportedSymbol('_ZN4node10ResetStdioEv');
  if (resetStdio !== undefined) atExit(resetStdio, 0, null);
}

/** Loaded here because node takes 3 ms of CPU time for it, which a command without threads saves. */
function isMainThread(): boolean {
  return process.getBuiltinModule('node:worker_threads').isMainThread;
}

function exportedSymbol(name: string): unknown {
  try {
    return symbol(name);
  } catch {
    return undefined;
  }
}

/** True if koffi would report a failed flush. Pipes and terminals answer EINVAL, which koffi ignores. */
function cannotFlush(fd: number): boolean {
  try {
    fsyncSync(fd);
    return false;
  } catch (error) {
    return !isErrno(error, 'EINVAL');
  }
}

/** Numbers of system calls that some C libraries lack a function for. */
const numbers = {
  x64: { getdents64: 217, mknodat: 259, renameat2: 316, statx: 332, ...sinceLinux5() },
  arm64: { getdents64: 61, mknodat: 33, renameat2: 276, statx: 291, ...sinceLinux5() },
} as const;

/** Returns the calls that have the same number on all architectures. */
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
 * Returns a system call by its number, for calls that older C libraries lack: glibc has mknodat since 2.33, musl has
 * renameat2 since 1.2.6, neither has openat2. The call sets errno as functions of the C library do.
 *
 * @param parameters koffi's types of the parameters, such as `long, void*`
 */
export function syscallFunction<Args extends unknown[]>(
  name: keyof (typeof numbers)['x64'],
  parameters: string,
): NativeFunction<Args> {
  const { arch } = process;
  const table = arch === 'x64' || arch === 'arm64' ? numbers[arch] : undefined;
  if (table === undefined) throw new SystemError('ENOSYS', name, `architecture ${arch}`);
  const call = libcFunction<[number: number, ...Args]>(`long syscall(long, ${parameters})`);
  return call.bind(null, table[name]) as NativeFunction<Args>;
}

/** Returns the address of a function of the C library, for a call with a function parameter. */
export function symbol(name: string): unknown {
  return library.symbol(name);
}

/** Returns the address of a buffer's bytes, for a struct with pointers. The buffer must outlive the call. */
export function pointerTo(buffer: Buffer): bigint {
  return koffi.address(buffer);
}

/** Returns the value that a call returned, or the negative errno if the call failed. Use it before the next call. */
export function result(value: number): number {
  return value < 0 ? -koffi.errno() : value;
}

/**
 * Returns a {@link result} that must not be an error.
 *
 * @throws SystemError
 */
export function check(value: number, syscall: string, path: ByteString): number {
  if (value < 0) throw new SystemError(-value, syscall, path);
  return value;
}

/** The first parameters of an *at function. */
export type AtPath = [dirfd: number, path: Buffer];

/** `write` calls `latin1Write` after checking its arguments, which costs more than the call itself. */
type PathBuffer = Buffer & { latin1Write(text: string, offset: number): number };
const slots = [Buffer.alloc(pathMax) as PathBuffer, Buffer.alloc(pathMax) as PathBuffer] as const;

/**
 * Returns the bytes of `name` followed by a NUL, in one of two buffers that all calls share: 46 ns, a new buffer takes 260.
 *
 * @throws SystemError ENAMETOOLONG; EINVAL if the name contains a NUL, where the kernel would stop reading
 */
export function cString(name: ByteString, slot: 0 | 1 = 0): Buffer {
  const buffer = slots[slot];
  if (name.length >= pathMax) throw new SystemError('ENAMETOOLONG', 'path', name);
  if (name.includes('\0')) throw new SystemError('EINVAL', 'path', name);
  buffer.latin1Write(name, 0);
  buffer[name.length] = 0;
  return buffer;
}
