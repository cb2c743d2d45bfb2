import { parentPort } from 'node:worker_threads';
import { transferError } from '../../errors/transfer.js';
import { startTracing } from '../../system/thread.js';
import type { ApplyMessage, ApplyRequest } from './messages.js';
import { LayerServer } from './serve.js';

/** Entry point of an ApplyThread's thread. */
const port = parentPort!;
startTracing();
const server = new LayerServer((warning) => post({ warning }), { hasOwnThread: true });

port.on('message', (request: ApplyRequest) => {
  const { id } = request;
  try {
    post({ id, reply: server.serve(request) });
  } catch (error) {
    post({ id, error: transferError(error) });
  }
});

post({ loaded: true });

function post(message: ApplyMessage): void {
  port.postMessage(message);
}
