import { isAbsolute } from 'node:path';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { dryRunFlag, finish, isName, readSnapshotter, snapshotterFlags } from './shared.js';

const command = 'layerhook ctk snapshotter configure';
const defaultAddress = '/run/layerhook/snapshotter.sock';
const defaultStore = '/var/lib/layerhook';

export default defineCommand({
  usage: '',
  description: `Adds layerhook's store to the configuration of containerd (versions 1 to 4) as a
proxy snapshotter, where "layerhook snapshotter serve" answers. All other settings
stay, with their comments and layout; doing it twice changes nothing. What was there
before is remembered in FILE.layerhook-ctk, for unconfigure. containerd must be
restarted afterwards. docs/snapshotter.md says what each option is good for.`,
  arguments: [],
  options: {
    ...snapshotterFlags,
    address: { value: 'SOCKET', describe: `where it is served (default: ${defaultAddress})` },
    store: { value: 'DIR', describe: `the store that is served (default: ${defaultStore})` },
    'cri-default': { describe: 'images and containers of Kubernetes go there' },
    'runtime-handler': {
      value: 'NAME',
      describe: 'add a copy of runc of that name whose containers go there: for a RuntimeClass (1.7)',
    },
    'parallel-unpack': {
      describe: 'containerd 2.2 unpacks layers side by side; serve it with the same option',
    },
    'image-labels': { describe: 'containerd says which image and blob each snapshot is of: for hooks' },
    'remap-ids': { describe: 'containerd 2 maps owners by id-mapped mounts; needs Linux 5.19' },
    'drop-in': { describe: 'write a file of its own beside the configuration' },
    ...dryRunFlag,
  },
  async run(_, options, { print, log }) {
    const { address = defaultAddress, store = defaultStore, 'dry-run': isDryRun } = options;
    for (const [option, path] of [
      ['address', address],
      ['store', store],
    ] as const) {
      if (!isAbsolute(path)) throw usageError(`--${option} ${path} is not absolute`, command);
    }
    const { file, name } = await readSnapshotter(options, command);
    const { 'runtime-handler': handler = name } = options;
    if (!isName(handler)) throw usageError(`--runtime-handler ${handler} is no name of a runtime`, command);
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
    const hint = `restart containerd to have it read, when ${address} is served`;
    finish(changes, { isDryRun, hint }, { print, log });
  },
});
