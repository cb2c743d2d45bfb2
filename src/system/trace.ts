import { monotonicNow } from './monotonic.js';

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

/** Returns the next span of another thread; undefined at the end. */
type Receive = () => Span | undefined;

/** Spans of one trace; more are not recorded, so that the trace of a huge layer fits into memory. */
const maxSpans = 1_000_000;

/** What this thread does with its spans; undefined: nothing is recorded. */
let record: ((span: Span) => void) | undefined;
let thread = 'main';
/** the spans of other threads */
const others: Receive[] = [];

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
  for (const receive of others.splice(0)) {
    for (let next = receive(); next && collected.length < maxSpans; next = receive()) collected.push(next);
  }
  return collected.splice(0);
}

/** True while a trace records. */
export function isTracing(): boolean {
  return record !== undefined;
}

/** Adds another thread to the trace. @returns the thread's number in the trace */
export function addThread(receive: Receive): number {
  return others.push(receive);
}

/** Makes this thread a part of another thread's trace. */
export function joinTrace(name: string, send: (span: Span) => void): void {
  thread = name;
  record = send;
}

function now(): number {
  return monotonicNow() * 1e3;
}
