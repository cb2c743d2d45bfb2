import type { ApplyRequest, Reply, Requested } from './messages.js';
import { LayerServer } from './serve.js';

/** Applies layers inline, blocking the caller's thread: for layers that take less time than starting a thread. */
export class ApplyHere {
  /** always 0: each request is answered before `request` returns */
  readonly load = 0;
  readonly #server: LayerServer;

  constructor(onWarning: (warning: string) => void) {
    this.#server = new LayerServer(onWarning, { hasOwnThread: false });
  }

  async request<R extends Requested<ApplyRequest>>(request: R): Promise<Reply<R>> {
    return this.#server.serve({ ...request, id: 0 }) as Reply<R>;
  }

  async close(): Promise<void> {}

  endWithin(): void {}
}
