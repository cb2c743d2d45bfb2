import { type ByteString, toBuffer } from './bytes.js';
import { check, libcFunction, pointerTo, result } from './libc.js';

/** Process state that execve(2) passes on and that node changes when it starts. Undefined: keep the current value. */
export interface ProcessState {
  /** descriptors above 2 that the program inherits; all others are closed */
  fds: readonly number[];
  /** bit n-1 stands for signal n, as in SigBlk and SigIgn of /proc/PID/status */
  blockedSignals: bigint | undefined;
  ignoredSignals: bigint | undefined;
  /** soft limit of open files, RLIMIT_NOFILE */
  openFiles: bigint | undefined;
}

const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const RLIMIT_NOFILE = 7;
const SIG_SETMASK = 2;
const SIG_DFL = 0;
const SIG_IGN = 1;
/** Signals that node ignores from its start. */
const ignoredByNode = ['SIGPIPE', 'SIGXFSZ'] as const;
const signalNumbers = { SIGPIPE: 13, SIGXFSZ: 25 } as const;

/**
 * Replaces this process with a program; execve(2). The pid, the parent, the working directory and descriptors 0 to 2
 * stay the same.
 *
 * @param argv the arguments, beginning with the program's name
 * @param env the complete environment, as `NAME=value`
 * @throws SystemError if the program cannot be run; this process keeps the signals and limits of `state`
 */
export function become(
  program: ByteString,
  argv: readonly ByteString[],
  env: readonly ByteString[],
  state: ProcessState,
): never {
  const execve = libcFunction<[Buffer, Buffer, Buffer]>('int execve(void*, void*, void*)');
  const strings = [program, ...argv, ...env].map((text) => toBuffer(`${text}\0`));
  const [file, ...rest] = strings as [Buffer, ...Buffer[]];
  keepOpen([0, 1, 2, ...state.fds]);
  if (state.openFiles !== undefined) setOpenFiles(state.openFiles);
  setDispositions(state.ignoredSignals);
  if (state.blockedSignals !== undefined) setMask(state.blockedSignals);
  check(
    result(execve(file, pointers(rest.slice(0, argv.length)), pointers(rest.slice(argv.length)))),
    'execve',
    program,
  );
  throw new Error('execve returned');
}

/** Returns the addresses of strings, followed by a null pointer. */
function pointers(strings: readonly Buffer[]): Buffer {
  const array = Buffer.alloc((strings.length + 1) * 8);
  strings.forEach((text, index) => {
    array.writeBigUInt64LE(pointerTo(text), index * 8);
  });
  return array;
}

/** Clears close-on-exec, which node sets on inherited descriptors and on the files that it opens. */
function keepOpen(fds: readonly number[]): void {
  const fcntl = libcFunction<[fd: number, command: number, flags: number]>('int fcntl(int, int, long)');
  for (const fd of fds) {
    const flags = fcntl(fd, F_GETFD, 0);
    if (flags > 0) fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
  }
}

function setOpenFiles(soft: bigint): void {
  const limit = Buffer.alloc(16);
  const getrlimit = libcFunction<[number, Buffer]>('int getrlimit(int, void*)');
  check(result(getrlimit(RLIMIT_NOFILE, limit)), 'getrlimit', '');
  limit.writeBigUInt64LE(soft);
  const setrlimit = libcFunction<[number, Buffer]>('int setrlimit(int, void*)');
  check(result(setrlimit(RLIMIT_NOFILE, limit)), 'setrlimit', '');
}

/** Sets the ignored signals. execve(2) resets handlers to the default, but keeps ignored signals ignored. */
function setDispositions(ignored: bigint | undefined): void {
  const signal = libcFunction<[number, number]>('long signal(int, long)');
  for (const name of ignoredByNode) signal(signalNumbers[name], SIG_DFL);
  for (let number = 1; number <= 64; number++) {
    if (ignored !== undefined && (ignored >> BigInt(number - 1)) & 1n) signal(number, SIG_IGN);
  }
}

function setMask(blocked: bigint): void {
  const set = Buffer.alloc(128);
  set.writeBigUInt64LE(blocked);
  const sigprocmask = libcFunction<[number, Buffer, null]>('int sigprocmask(int, void*, void*)');
  check(result(sigprocmask(SIG_SETMASK, set, null)), 'sigprocmask', '');
}
