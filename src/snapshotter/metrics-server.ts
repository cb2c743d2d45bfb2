import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { reasonOf } from '../errors/fs-error.js';
import type { CallMetrics, Measured } from './metrics.js';
import { listen } from './socket.js';

/**
 * Serves `GET /metrics` with all metrics, and `GET /healthz` with 200 if the store can be read, over a unix socket.
 *
 * @returns a function that stops the server
 * @throws LayerhookError LISTEN
 */
export async function serveMetrics(
  address: string,
  metrics: CallMetrics,
  service: Measured,
): Promise<() => Promise<void>> {
  const http = createServer((request, response) => void answer(request, response, metrics, service));
  // an empty environment: the socket from systemd belongs to the snapshotter
  const sockets = await listen(address, {});
  sockets.on('connection', (socket) => http.emit('connection', socket));
  return async () => {
    const closed = once(sockets, 'close');
    sockets.close();
    http.closeAllConnections();
    await closed;
  };
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  metrics: CallMetrics,
  service: Measured,
): Promise<void> {
  const end = (code: number, text: string) =>
    response.writeHead(code, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  try {
    if (method !== 'GET') end(405, 'only GET is supported\n');
    else if (url === '/metrics') end(200, await metrics.text(service));
    else if (url === '/healthz') {
      await service.store.df();
      end(200, 'ok\n');
    } else end(404, 'only /metrics and /healthz exist\n');
  } catch (error) {
    end(500, `${reasonOf(error)}\n`);
  }
}
