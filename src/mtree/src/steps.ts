/**
 * Work in steps: it yields after each file and each piece of a file's content, so that the caller may do something else in
 * between, or end it with `return()` or `throw()`.
 */
export type Steps<T> = Generator<void, T, void>;

/** Does all the steps of some work, without a pause. */
export function allSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
