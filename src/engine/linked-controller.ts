import { setMaxListeners } from 'node:events';
import { LayerhookError } from '../errors/index.js';

/** A controller that is aborted, with ABORTED, when the caller's signal is. */
export function linkedController(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  // several layers at a time listen, each in more than one place
  setMaxListeners(0, controller.signal);
  const stop = () =>
    controller.abort(new LayerhookError('ABORTED', { what: 'the operation' }, signal?.reason));
  if (signal?.aborted) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return controller;
}
