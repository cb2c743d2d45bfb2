import { defineCommand } from '../../command.js';
import { dryRunFlag, finish, readSnapshotter, snapshotterFlags } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Remove the snapshotter from containerd's configuration, and restore the
former snapshotter of the CRI. If the file has not changed since configure,
it becomes what it was, byte for byte; otherwise only the added settings are
removed. It is an error if containerd has images or containers in the
snapshotter: containerd could then neither run nor remove them.`,
  examples: ['layerhook ctk snapshotter unconfigure'],
  arguments: [],
  options: {
    ...snapshotterFlags,
    force: { describe: 'continue even if images or containers are in the snapshotter' },
    ...dryRunFlag,
  },
  async run(_, options, { print, log }) {
    const { file, name } = await readSnapshotter(options, 'layerhook ctk snapshotter unconfigure');
    const { planRemoveSnapshotter } = await import('../../../ctk/snapshotter.js');
    const { assertUnused } = await import('../../../ctk/snapshotter-status.js');
    const changes = planRemoveSnapshotter(file, name);
    const unknown = options.force || options['dry-run'] ? undefined : await assertUnused(file, name);
    if (unknown !== undefined) {
      log.warn(`${unknown}: containerd cannot run or remove images and containers that are left in ${name}`);
    }
    const hint = 'restart containerd to apply it';
    await finish(changes, { isDryRun: options['dry-run'], hint }, { print });
  },
});
