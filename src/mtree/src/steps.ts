/**
 * Work in steps: it yields after each file and each piece of file content. Between two steps, the caller may do other work,
 * or stop this work with `return()` or `throw()`.
 */
export type Steps<T> = Generator<void, T, void>;

/** Runs all steps of some work without a pause. */
export function allSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
