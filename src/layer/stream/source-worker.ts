import { parentPort } from 'node:worker_threads';
import { transferError } from '../../errors/transfer.js';
import { startTracing } from '../../system/thread.js';
import type { ClosedMessage, OpenMessage } from './messages.js';
import { pumpSource } from './pump.js';
import { RingWriter } from './ring-writer.js';

/** Entry point of a SourceThread's thread, which reads one source after the other. */
const port = parentPort!;
startTracing();
let last: Promise<void> = Promise.resolve();

port.on('message', (message: OpenMessage) => {
  last = last.then(() => serve(message));
});

async function serve({ id, source, ring }: OpenMessage): Promise<void> {
  const writer = new RingWriter(ring);
  try {
    const summary = await pumpSource(source, writer);
    port.postMessage({ id, summary } satisfies ClosedMessage);
  } catch (error) {
    writer.fail(error);
    port.postMessage({ id, error: transferError(error) } satisfies ClosedMessage);
  }
}
