import { throwIfAborted } from './steps.js';

/**
 * Yields what a source yields, until a signal is aborted: also while the source waits, for example for the writer of a pipe.
 *
 * @throws LayerhookError ABORTED, or the signal's reason if that is a LayerhookError; errors of the source
 */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      throwIfAborted(signal);
      const next = await orAborted(items.next(), signal);
      isDone = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    const returned = isDone ? undefined : items.return?.();
    // a source that waits would return only after its next item
    if (signal?.aborted) returned?.catch(() => {});
    else await returned;
  }
}

/** Waits for a promise until a signal is aborted. @throws as {@link untilAborted} */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        reject(error);
      }
    };
    // no event follows for a signal that is aborted already
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
