import { resolve } from 'node:path';
import type { LoadedConfig } from '../../../config/types.js';
import type { LayerHookOptions } from '../../../snapshotter/index.js';
import type { Logger } from '../../../system/logger.js';
import { storeFlag } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { type CommandContext, defineCommand } from '../../command.js';
import { callLogger } from '../../output/log-calls.js';

const command = 'layerhook snapshotter serve';

export default defineCommand({
  usage: '--address SOCKET',
  description: `Serves the layer store to containerd as a proxy snapshotter, until SIGTERM, SIGINT or SIGHUP.
What layerhook has unpacked, containerd need not unpack again, and the reverse.
Hooks of hooks.toml are asked for layers that the store has not, and told of those
that containerd has extracted. hooks.toml is read at the start.
docs/snapshotter.md says what to write into containerd's config.toml.`,
  arguments: [],
  options: {
    address: { value: 'SOCKET', required: true, describe: 'path of the unix socket to listen on' },
    store: { ...storeFlag.store, alias: ['root'] },
    client: {
      value: 'NAME',
      describe: 'whose snapshots these are in the store: one name a containerd (default: containerd)',
    },
    metrics: {
      value: 'SOCKET',
      describe: 'path of a unix socket for /metrics (Prometheus) and /healthz, by HTTP',
    },
    'parallel-unpack': {
      describe: 'containerd is configured with capabilities = ["rebase"] for this snapshotter',
    },
    'staged-layers': {
      describe:
        'with --parallel-unpack: it is containerd 2.4 or later, which skips layers that are there; older ones fail then',
    },
  },
  async run(_, options, context) {
    if (options.metrics !== undefined && resolve(options.metrics) === resolve(options.address))
      throw usageError('--metrics and --address are the same socket', command);
    const { chooseStore } = await import('../../../config/store.js');
    const { loadHooks } = await import('../../../config/load.js');
    const { CallMetrics, serveMetrics, serveSnapshotter } = await import('../../../snapshotter/index.js');
    const config = await loadHooks({ file: context.hooksFile, env: process.env });
    const choice = chooseStore({ store: options.store, config, env: process.env });
    const metrics = new CallMetrics();
    const logCall = callLogger(context.log);
    const service = await serveSnapshotter({
      ...choice,
      address: options.address,
      client: options.client ?? 'containerd',
      parallelUnpack: options['parallel-unpack'],
      stagedLayers: options['staged-layers'],
      ...(await hooksOf(config, context.log)),
      answered: (call) => {
        metrics.record(call);
        logCall(call);
      },
      broken: ({ name, why }) => context.log.warn('broken snapshot', { name, why }),
      verify: async (content) => {
        const { verifyLayer } = await import('../../../engine/verify-layer.js');
        context.log.info('verifying what may have been lost with the power', {
          directory: content.directory,
        });
        return (await verifyLayer(content))?.length ?? null;
      },
      flushFailed: (error) => context.log.warn(`the store was not written to its disk: ${String(error)}`),
      eraseFailed: (error) => context.log.warn(`files of a removed snapshot are left: ${String(error)}`),
    });
    try {
      const stopMetrics = options.metrics && (await serveMetrics(options.metrics, metrics, service));
      const { client } = service.store;
      context.log.info('serving', { address: options.address, store: choice.root, client });
      await untilSignal(context);
      if (stopMetrics) await stopMetrics();
    } finally {
      await service.close();
    }
  },
});

/** Returns what calls the hooks of hooks.toml at points of snapshots. */
async function hooksOf(config: LoadedConfig | null, log: Logger): Promise<LayerHookOptions> {
  if (config === null) return {};
  const { snapshotHooks } = await import('../../../engine/snapshot-hooks.js');
  return snapshotHooks(config.sources, log);
}

async function untilSignal({ signal, log }: CommandContext): Promise<void> {
  await tellManager('READY=1');
  if (!signal.aborted) await new Promise((stop) => signal.addEventListener('abort', stop, { once: true }));
  log.info('stopping');
  await tellManager('STOPPING=1');
}

/** sd_notify(3): a unit of Type=notify is started when we say so. */
async function tellManager(state: string): Promise<void> {
  const { NOTIFY_SOCKET } = process.env;
  if (!NOTIFY_SOCKET) return;
  const { notify } = await import('../../../system/notify.js');
  notify(state, NOTIFY_SOCKET);
}
