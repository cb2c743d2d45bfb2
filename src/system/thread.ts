import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
  type WorkerOptions,
  workerData,
} from 'node:worker_threads';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { addThread, isTracing, joinTrace, type Span } from './trace.js';

/**
 * Limit of the memory for new objects, in MiB. V8's own limit of 48 for each thread lets garbage wait: with it, an unpack of
 * 250,000 files took 437 MiB instead of 271 (copy), and 331 instead of 183 (overlay), in the same CPU time.
 */
const youngGeneration = { maxYoungGenerationSizeMb: 12 };

/** How a thread starts, and what its end calls. */
export interface ThreadOptions
  extends Pick<WorkerOptions, 'resourceLimits' | 'trackUnmanagedFds' | 'workerData'> {
  /** the thread's work, for error messages, such as `applying layers` */
  what: string;
  /**
   * Called once with the reason, when the thread has ended or may no longer answer. Requests that wait for the thread must
   * fail with this reason.
   */
  onEnd: (reason: unknown) => void;
}

/**
 * Starts a thread of this package.
 *
 * @param file the thread's module
 * @throws LayerhookError SYSTEM if the system refuses another thread
 */
export function startThread(file: URL, { what, onEnd, ...options }: ThreadOptions): Worker {
  const worker = start(file, what, options);
  let ended = false;
  const end = (reason: unknown) => {
    if (!ended) onEnd(reason);
    ended = true;
  };
  worker.on('error', (error) => end(threadError(error, what)));
  // the answer is lost: its request would wait forever
  worker.on('messageerror', (error) => {
    end(error);
    void worker.terminate();
  });
  worker.on('exit', () => end(new LayerhookError('ABORTED', { what })));
  return worker;
}

function start(file: URL, what: string, options: WorkerOptions): Worker {
  try {
    const limited = { ...options, resourceLimits: { ...youngGeneration, ...options.resourceLimits } };
    return new Worker(file, isTracing() ? traced(what, limited) : limited);
  } catch (error) {
    throw threadError(error, what);
  }
}

/** Data of a thread that takes part in a trace. */
interface TracedThread {
  trace?: { port: MessagePort; name: string };
}

/** Adds a channel for the spans of the new thread. */
function traced(what: string, options: WorkerOptions): WorkerOptions {
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  const number = addThread(() => receiveMessageOnPort(port1)?.message as Span | undefined);
  const trace = { port: port2, name: `${what} ${number}` };
  return { ...options, workerData: { ...options.workerData, trace }, transferList: [port2] };
}

/** Call it first in a thread of this package: the thread takes part in the trace, if there is one. */
export function startTracing(): void {
  const { trace } = (workerData as TracedThread | null) ?? {};
  if (trace !== undefined) joinTrace(trace.name, (span) => trace.port.postMessage(span));
}

/** Translates node's error codes for a refused thread and a full heap. */
function threadError(error: unknown, what: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_WORKER_INIT_FAILED') {
    // the message ends with the name of an errno
    const name = /\w+$/.exec(message)?.[0];
    const cause = Object.assign(new Error(message, { cause: error }), { code: name });
    return fsError(cause, `cannot start a thread for ${what}`);
  }
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    const expected = 'raise the memory limit of node (NODE_OPTIONS=--max-old-space-size=MiB)';
    return new LayerhookError('SYSTEM', { what, reason: 'the thread is out of memory', expected }, error);
  }
  return error;
}
