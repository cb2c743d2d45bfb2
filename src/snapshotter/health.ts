import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { reasonOf } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';

/**
 * Requests `/healthz` from the metrics socket of a served store.
 *
 * @param timeout in milliseconds
 * @throws LayerhookError UNHEALTHY
 */
export async function checkHealth(address: string, timeout: number): Promise<void> {
  const signal = AbortSignal.timeout(timeout);
  try {
    const { status, body } = await get(address, signal);
    if (status !== 200) throw new Error(body.trim());
  } catch (error) {
    const reason = signal.aborted ? `no answer within ${timeout / 1000} s` : reasonOf(error);
    throw new LayerhookError('UNHEALTHY', { address, reason }, error);
  }
}

function get(socketPath: string, signal: AbortSignal): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/healthz', signal }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
    })
      .on('error', reject)
      .end();
  });
}
