import { LayerhookError } from '../errors/index.js';

/** A controller that is aborted, with ABORTED, when the caller's signal is. */
export function linkedController(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  const stop = () =>
    controller.abort(new LayerhookError('ABORTED', { what: 'the operation' }, signal?.reason));
  if (signal?.aborted) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return controller;
}
