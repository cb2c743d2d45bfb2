import { defineCommand } from '../../command.js';
import { dryRunFlag, finish, readSnapshotter, snapshotterFlags } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Takes the snapshotter out of containerd's configuration again, and gives the former
snapshotter of the CRI back. If nobody has changed the file since, it becomes what it
was, byte for byte; else only what is ours goes. While containerd has images or
containers in it, it is refused: containerd could neither run nor remove them.`,
  arguments: [],
  options: {
    ...snapshotterFlags,
    force: { describe: 'also while images or containers are in it' },
    ...dryRunFlag,
  },
  async run(_, options, { print, log }) {
    const { file, name } = await readSnapshotter(options, 'layerhook ctk snapshotter unconfigure');
    const { planRemoveSnapshotter } = await import('../../../ctk/snapshotter.js');
    const { assertUnused } = await import('../../../ctk/snapshotter-status.js');
    const changes = planRemoveSnapshotter(file, name);
    const unknown = options.force || options['dry-run'] ? undefined : await assertUnused(file, name);
    if (unknown !== undefined) {
      log.warn(`${unknown}: images and containers that are left in ${name} cannot be run or removed`);
    }
    const hint = 'restart containerd to have it read';
    finish(changes, { isDryRun: options['dry-run'], hint }, { print, log });
  },
});
