import { formatBytes } from '../../../terminal/quantities.js';
import { formatCounted } from '../../../text/counted.js';
import { layoutFlag, limitFlags, readLayout, readLimits } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--layout PATH',
  description: `Remove every blob that no tag refers to, and the leftovers of killed
commands. Blobs that a running command has just written are spared.`,
  examples: ['layerhook gc --layout image'],
  arguments: [],
  options: { ...layoutFlag, ...limitFlags },
  json: true,
  async run(_, options, { log, signal, onProgress, show }) {
    const path = readLayout(options, 'layerhook gc');
    const limits = readLimits(options, 'layerhook gc');
    const { openLayout } = await import('../../../image/layout.js');
    const { workTo } = await import('../../../engine/progress.js');
    const { collectGarbage } = await import('../../../image/gc.js');
    onProgress?.({ type: 'phase', name: 'reachable' });
    const layout = openLayout(path, { signal, ...limits });
    const { removed, bytes, spared } = await collectGarbage(layout, workTo(onProgress, 'sweep'));
    for (const digest of removed) log.debug(`removed blob ${digest}`);
    log.info(`removed ${formatCounted(removed.length, 'blobs')} of ${formatBytes(bytes)}`);
    if (spared.length > 0)
      log.info(`spared ${formatCounted(spared.length, 'blobs')}: another command is writing to ${path}`);
    await show({ json: () => ({ removed, bytes, spared }), text: () => [] });
  },
});
