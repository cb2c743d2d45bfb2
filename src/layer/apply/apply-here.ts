import type { ApplyRequest, Reply, Requested } from './messages.js';
import { LayerServer } from './serve.js';

/** Applies layers in the caller's thread, which does nothing else meanwhile: for those that take less than a thread's start. */
export class ApplyHere {
  /** a request is answered before anybody can ask */
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
