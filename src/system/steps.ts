import { isLayerhookError, LayerhookError } from '../errors/index.js';

/**
 * Long work with blocking calls, cut into steps: it yields where it may be interrupted, after some files or some pieces of
 * content.
 *
 * node hears of signals between turns of its event loop only. Work that blocks from its begin to its end would not be
 * stopped by any, and what comes after it would not know that one has come. Promises for each file are too slow.
 */
export type Steps<T> = Generator<void, T, void>;

/** Files that a walk visits between two steps: a step through a deep tree costs as much as some files do. */
export const FILES_A_STEP = 64;

/** Milliseconds of work between two turns of the event loop. */
const SLICE = 50;

/**
 * Does the steps of long work, with a turn of the event loop every {@link SLICE} ms.
 *
 * @param signal ends the work after the step it is at
 * @throws LayerhookError ABORTED, or the signal's reason if that is one of ours; and what the work throws
 */
export async function inTurns<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  const pace = new Pace(signal);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    // thrown inside, so that it closes what it has open
    if (pace.isDue) await pace.turn().catch((error: unknown) => steps.throw(error));
  }
}

/** Does all the steps of some work without a turn, for threads in which nothing else goes on. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Tells asynchronous code that makes blocking calls when the event loop is due. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #until = performance.now() + SLICE;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Whether the last turn was {@link SLICE} ms ago. */
  get isDue(): boolean {
    return performance.now() >= this.#until;
  }

  /** @throws LayerhookError ABORTED, or the signal's reason if that is one of ours */
  async turn(): Promise<void> {
    await checkpoint(this.#signal);
    this.#until = performance.now() + SLICE;
  }
}

/**
 * Gives the event loop a turn, in which signals of the system that have come are heard. To be called before anything is
 * published, too: a tag, a bundle, an archive.
 *
 * @throws LayerhookError ABORTED, or the signal's reason if that is one of ours
 */
export async function checkpoint(signal?: AbortSignal): Promise<void> {
  // the first may come in the phase of the loop that we are in; signals are read at the begin of the next round
  for (let i = 0; i < 2; i++) await new Promise<void>((go) => setImmediate(go));
  throwIfAborted(signal);
}

/** @throws LayerhookError ABORTED, or the signal's reason if that is one of ours */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  const { reason } = signal;
  throw isLayerhookError(reason) ? reason : new LayerhookError('ABORTED', { what: 'the operation' }, reason);
}
