import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { counted } from '../errors/counted.js';
import { reasonOf } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { BadResult } from '../points/check-result.js';
import { close } from '../system/close.js';

export interface ProcessCall {
  argv: [string, ...string[]];
  env: Record<string, string>;
  cwd: string;
  /** limit of its stdout in bytes: a program that writes more is killed; null: its stdout is discarded */
  maxOutput: number | null;
}

export interface ProcessOptions {
  /** its stdin, which the program may leave unread: bytes, or the read end of a pipe, which runProcess always closes */
  input: Uint8Array | { pipe: number };
  /** kills the program and all of its process group */
  signal: AbortSignal;
  /** gets each line of stderr */
  onLine: (line: string) => void;
}

export interface ProcessEnd {
  /** null if a signal ended it */
  status: number | null;
  /** `exit status 3`, `killed by SIGSEGV` */
  how: string;
  output: Buffer;
  /** the last line of stderr that is not empty */
  lastLine: string;
  /** True if children of the program still run, with its stdout or stderr open. */
  leftBehind: boolean;
}

/** Milliseconds between SIGTERM and SIGKILL. */
const killGrace = 1000;
/** Milliseconds after the end of a program in which its children may still write output. */
const drainGrace = 1000;
/** Bytes of a line of stderr; the rest of a longer line is cut off. */
const maxLine = 4096;

/**
 * Runs a program without a shell, in a process group of its own.
 *
 * @throws HOOK_MISSING if it cannot be started; the reason of `signal`; BadResult if it writes too much
 */
export async function runProcess(call: ProcessCall, options: ProcessOptions): Promise<ProcessEnd> {
  const { signal, input } = options;
  const child = await start(call, input);
  const group = processGroup(child.pid);
  const stdout = child.stdout && collect(child.stdout, call.maxOutput!, group.terminate);
  const stderr = readLines(child.stderr, options.onLine);
  signal.addEventListener('abort', group.terminate, { once: true });
  if (signal.aborted) group.terminate();
  if (!('pipe' in input)) child.stdin?.end(input);
  try {
    const end = await child.ended;
    group.leaderEnded();
    const leftBehind = !(await drained(child.stdout ? [child.stdout, child.stderr] : [child.stderr]));
    stderr.flush();
    signal.throwIfAborted();
    if (stdout?.isOver())
      throw new BadResult(`it wrote more than ${counted(call.maxOutput!, 'bytes')} to stdout`);
    return { ...end, output: stdout?.bytes() ?? Buffer.alloc(0), lastLine: stderr.lastLine(), leftBehind };
  } finally {
    signal.removeEventListener('abort', group.terminate);
  }
}

async function start(
  { argv: [file, ...args], env, cwd, maxOutput }: ProcessCall,
  input: ProcessOptions['input'],
) {
  try {
    const stdin = 'pipe' in input ? input.pipe : 'pipe';
    const stdout = maxOutput === null ? 'ignore' : 'pipe';
    const child = spawn(file, args, { env, cwd, stdio: [stdin, stdout, 'pipe'], detached: true });
    const ended = new Promise<Pick<ProcessEnd, 'status' | 'how'>>((resolve) => {
      child.once('exit', (status, killer) =>
        resolve({ status, how: status === null ? `killed by ${killer}` : `exit status ${status}` }),
      );
    });
    // a program need not read its input
    child.stdin?.on('error', () => {});
    if (child.pid === undefined) throw (await once(child, 'error'))[0];
    return { pid: child.pid, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr!, ended };
  } catch (error) {
    const reason = reasonOf(error);
    throw new LayerhookError('HOOK_MISSING', { hook: file, reason }, error);
  } finally {
    if ('pipe' in input) close(input.pipe);
  }
}

/** Ends a program and what it started: SIGTERM, so that it may clean up, then SIGKILL. */
function processGroup(pid: number) {
  let timer: NodeJS.Timeout | undefined;
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-pid, signal);
    } catch {
      // no process of the group is left
    }
  };
  return {
    terminate: (): void => {
      send('SIGTERM');
      timer ??= setTimeout(send, killGrace, 'SIGKILL');
    },
    /** Kills the children of a program that was terminated. Later, another process group may have the same number. */
    leaderEnded: (): void => {
      if (timer !== undefined) send('SIGKILL');
      clearTimeout(timer);
    },
  };
}

function collect(stream: Readable, max: number, onOver: () => void) {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    const wasOver = length > max;
    length += chunk.length;
    if (length <= max) chunks.push(chunk);
    else if (!wasOver) onOver();
  });
  return { isOver: () => length > max, bytes: () => Buffer.concat(chunks) };
}

function readLines(stream: Readable, onLine: (line: string) => void) {
  let rest = '';
  let last = '';
  const emit = (line: string): void => {
    const text = line.trimEnd();
    if (text === '') return;
    last = text.length > maxLine ? `${text.slice(0, maxLine)}...` : text;
    onLine(last);
  };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() as string).slice(0, maxLine + 1);
    for (const line of lines) emit(line);
  });
  return {
    lastLine: () => last,
    flush: () => {
      emit(rest);
      rest = '';
    },
  };
}

/**
 * Waits until the streams have ended, but not for ever: a child that outlives the program may hold them.
 *
 * @returns true if all streams ended by themselves
 */
async function drained(streams: Readable[]): Promise<boolean> {
  const late = new AbortController();
  const closed = Promise.all(streams.map(async (stream) => stream.closed || onceClosed(stream)));
  const isDrained = await Promise.race([
    closed.then(() => true),
    wait(drainGrace, undefined, { signal: late.signal }).then(immediately, () => false),
  ]);
  late.abort();
  for (const stream of streams) stream.destroy();
  return isDrained;
}

/** Gives the streams time to be read: this process may have been stopped, or too busy to read them. */
function immediately(): Promise<false> {
  return new Promise((resolve) => setImmediate(resolve, false));
}

function onceClosed(stream: Readable): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}
