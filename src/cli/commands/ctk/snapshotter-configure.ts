import { isAbsolute } from 'node:path';
import { snapshotterSocket } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { dryRunFlag, finish, isName, readSnapshotter, snapshotterFlags } from './shared.js';

const command = 'layerhook ctk snapshotter configure';
const defaultStore = '/var/lib/layerhook';

export default defineCommand({
  usage: '',
  description: `Add the layer store to the configuration of containerd (versions 1 to 4) as
a proxy snapshotter, which "layerhook snapshotter serve" serves. All other
settings stay, with their comments and layout. Running the command twice
changes nothing. The former text is kept in FILE.layerhook-ctk for
unconfigure. Restart containerd afterwards. docs/snapshotter.md explains
when to use each option.`,
  examples: ['layerhook ctk snapshotter configure --dry-run'],
  arguments: [],
  options: {
    ...snapshotterFlags,
    address: { value: 'SOCKET', describe: `socket of the snapshotter (default: ${snapshotterSocket})` },
    store: { value: 'DIR', describe: `directory of the layer store (default: ${defaultStore})` },
    'cri-default': { describe: 'use the snapshotter for images and containers of Kubernetes' },
    'runtime-handler': {
      value: 'NAME',
      describe: 'add a copy of runc with this name that uses the snapshotter, for a RuntimeClass (1.7)',
    },
    'parallel-unpack': {
      describe: 'let containerd 2.2 unpack layers in parallel; serve needs the same option',
    },
    'image-labels': { describe: 'let containerd label each snapshot with its image and blob, for hooks' },
    'remap-ids': { describe: 'let containerd 2 map owners with ID-mapped mounts (Linux 5.19)' },
    'drop-in': { describe: 'write a drop-in file beside the configuration' },
    ...dryRunFlag,
  },
  async run(_, options, { print }) {
    const { address = snapshotterSocket, store = defaultStore, 'dry-run': isDryRun } = options;
    for (const [option, path] of [
      ['address', address],
      ['store', store],
    ] as const) {
      if (!isAbsolute(path)) throw usageError(`--${option} ${path} is not absolute`, command);
    }
    const { file, name } = await readSnapshotter(options, command);
    const { 'runtime-handler': handler = name } = options;
    if (!isName(handler))
      throw usageError(`invalid name of a runtime: --runtime-handler ${handler}`, command);
    const { planSnapshotter } = await import('../../../ctk/snapshotter.js');
    const added = {
      name,
      address,
      root: store,
      parallelUnpack: options['parallel-unpack'],
      remapIds: options['remap-ids'],
      isCriDefault: options['cri-default'],
      runtimeHandler: options['runtime-handler'],
      imageLabels: options['image-labels'],
    };
    const changes = planSnapshotter(file, added, options['drop-in']);
    const hint = `start layerhook snapshotter serve --address ${address}, then restart containerd to apply it`;
    await finish(changes, { isDryRun, hint }, { print });
  },
});
