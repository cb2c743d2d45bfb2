import type { ProgressEvent } from '../../engine/progress.js';
import type { Logger } from '../../system/logger.js';
import { formatCounted } from '../../text/counted.js';
import { formatBytes, shortDigest } from '../quantities.js';

/** Logs one line for each finished layer. */
export function lineProgress(log: Logger) {
  let digests: string[] = [];
  const nameOf = (index: number) =>
    `layer ${index + 1}/${digests.length} ${shortDigest(digests[index] ?? '')}`;
  return {
    onProgress(event: ProgressEvent): void {
      if (event.type === 'layers') digests = event.layers.map(({ digest }) => digest);
      if (event.type === 'layer-skipped') log.info(`${nameOf(event.index)}: skipped`, { by: event.by });
      if (event.type !== 'layer-done') return;
      const { bytes, entries } = event;
      log.info(`${nameOf(event.index)}: ${formatBytes(bytes)}, ${formatCounted(entries, 'files')}`);
    },
    stop(): void {},
  };
}
