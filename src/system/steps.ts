import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { monotonicNow } from './monotonic.js';

/**
 * Long work with blocking calls, divided into steps. It yields where it may be interrupted: after some files or some
 * pieces of content.
 *
 * node handles signals only between turns of its event loop. A signal could not stop work that blocks from start to end,
 * and the code after the work would not learn of the signal. A promise for each file would be too slow.
 */
export type Steps<T> = Generator<void, T, void>;

/** Files that a walk visits in one step: in a deep tree, a step costs as much as several files. */
export const filesPerStep = 64;

/** Milliseconds of work between two turns of the event loop. */
const sliceMs = 50;

/**
 * Runs long work with a turn of the event loop every `sliceMs` ms.
 *
 * @param signal stops the work after the current step; if it is aborted already, the work does not begin
 * @throws LayerhookError ABORTED, or the signal's reason if that is a LayerhookError; errors of the work
 */
export async function inTurns<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  const pace = new Pace(signal);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    // thrown inside the generator, so that its finally blocks close open files
    if (pace.isDue) await pace.turn().catch((error: unknown) => steps.throw(error));
  }
}

/** Runs all steps of some work without a turn of the event loop, for threads that do nothing else. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Tells asynchronous code with blocking calls when the event loop needs a turn. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #until = monotonicNow() + sliceMs;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** True if the last turn was at least `sliceMs` ms ago. */
  get isDue(): boolean {
    return monotonicNow() >= this.#until;
  }

  /** Gives the event loop a turn. @throws LayerhookError ABORTED, or the signal's reason if that is a LayerhookError */
  async turn(): Promise<void> {
    await checkpoint(this.#signal);
    this.#until = monotonicNow() + sliceMs;
  }
}

/**
 * Gives the event loop a turn, in which node handles pending signals of the system. Call it also before publishing a
 * result: a tag, a bundle, an archive.
 *
 * @throws LayerhookError ABORTED, or the signal's reason if that is a LayerhookError
 */
export async function checkpoint(signal?: AbortSignal): Promise<void> {
  // the first setImmediate may run in the current round of the loop; node reads signals at the start of the next round
  for (let i = 0; i < 2; i++) await new Promise<void>((go) => setImmediate(go));
  throwIfAborted(signal);
}

/** Throws LayerhookError ABORTED if `signal` is aborted, or the signal's reason if that is a LayerhookError. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  const { reason } = signal;
  throw isLayerhookError(reason) ? reason : new LayerhookError('ABORTED', { what: 'the operation' }, reason);
}
