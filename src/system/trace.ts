import { MessageChannel, type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';

/** A piece of work of one thread. */
export interface Span {
  /** what is done, such as `inflate`; `wait` while the thread waits for another one */
  name: string;
  /** the thread, or another part that works in parallel */
  thread: string;
  /** digest of the layer, point and hook, or '' */
  about: string;
  /** microseconds of the system's monotonic clock, which all threads share */
  start: number;
  end: number;
}

/** Data of a thread that takes part in a trace. */
interface TracedThread {
  trace?: { port: MessagePort; thread: string };
}

/** Spans of one trace; more are not recorded, so that the trace of a huge layer fits into memory. */
const maxSpans = 1_000_000;

/** What this thread does with its spans; undefined: nothing is recorded. */
let record: ((span: Span) => void) | undefined;
let thread = 'main';
/** the main thread's ends of the channels to its threads */
const ports: MessagePort[] = [];

const given = (workerData as TracedThread | null)?.trace;
if (given !== undefined) {
  thread = given.thread;
  record = (span) => given.port.postMessage(span);
}

const off = () => {};

/**
 * Begins a span of this thread. Without a trace, that is one comparison.
 *
 * @param row the part of the program that works, if it is not this thread
 * @returns a function that ends the span
 */
export function span(name: string, about = '', row = thread): () => void {
  if (record === undefined) return off;
  const keep = record;
  const start = now();
  return () => keep({ name, thread: row, about, start, end: now() });
}

/** Records the spans of this thread, and of all threads that it starts from now on. */
export function startTrace(): void {
  endTrace();
  const spans: Span[] = [];
  record = (span) => {
    if (spans.length < maxSpans) spans.push(span);
  };
  collected = spans;
}

let collected: Span[] = [];

/** Ends the trace. @returns its spans, in no order */
export function endTrace(): Span[] {
  record = undefined;
  for (const port of ports.splice(0)) {
    for (let next = receiveMessageOnPort(port); next && collected.length < maxSpans; ) {
      collected.push(next.message as Span);
      next = receiveMessageOnPort(port);
    }
    port.close();
  }
  return collected.splice(0);
}

/** Returns what a new thread needs to take part in the trace; nothing without a trace. */
export function tracedThread(what: string): { data?: TracedThread; ports?: MessagePort[] } {
  if (record === undefined) return {};
  const { port1, port2 } = new MessageChannel();
  ports.push(port1);
  port1.unref();
  return { data: { trace: { port: port2, thread: `${what} ${ports.length}` } }, ports: [port2] };
}

function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}
