import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { startTracing } from '../../system/thread.js';
import { span } from '../../system/trace.js';
import type { HashMessage } from './messages.js';
import { hashRing } from './ring-reader.js';

/** Entry point of a HashThread's thread, which hashes one tar after the other. */
startTracing();

parentPort!.on('message', ({ ring, algorithm, digest }: HashMessage) => {
  hashRing(ring, (source) => {
    const hash = createHash(algorithm);
    for (let bytes = source.read(); bytes !== null; bytes = source.read()) {
      const update = span('hash', digest);
      hash.update(bytes);
      update();
    }
    return hash.digest();
  });
});
