import { dirname, resolve } from 'node:path';
import type { LoadedConfig } from '../../../config/types.js';
import { reasonOf } from '../../../errors/index.js';
import type {
  ErofsLayers,
  LayerHookOptions,
  ServeOptions,
  SnapshotService,
} from '../../../snapshotter/index.js';
import type { Logger } from '../../../system/logger.js';
import { makeDirectory } from '../../../system/make-directory.js';
import { limitFlags, readLimits, snapshotterSocket, storeFlag } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { type CommandContext, defineCommand } from '../../command.js';
import { callLogger } from '../../output/log-calls.js';

const command = 'layerhook snapshotter serve';
const containerdSocket = '/run/containerd/containerd.sock';

export default defineCommand({
  usage: '',
  description: `Serve the layer store to containerd as a proxy snapshotter, until SIGTERM,
SIGINT or SIGHUP. layerhook and containerd share the layers that either has
unpacked. Hooks of hooks.toml may supply layers that the store lacks, and
run after containerd has extracted a layer. hooks.toml is read only at the
start. docs/snapshotter.md has the settings for containerd's config.toml.`,
  examples: [
    'layerhook snapshotter serve',
    'layerhook snapshotter serve --address /run/layerhook/snapshotter.sock --metrics /run/layerhook/metrics.sock',
  ],
  arguments: [],
  options: {
    address: {
      value: 'SOCKET',
      describe: `path of the unix socket to listen on (default: ${snapshotterSocket})`,
    },
    store: { ...storeFlag.store, alias: ['root'] },
    client: {
      value: 'NAME',
      describe: 'owner of the snapshots in the store; each containerd needs its own (default: containerd)',
    },
    metrics: {
      value: 'SOCKET',
      describe: 'path of a unix socket that serves /metrics (Prometheus) and /healthz over HTTP',
    },
    'parallel-unpack': {
      describe: 'support parallel unpack; needs capabilities = ["rebase"] in containerd\'s configuration',
    },
    limit: limitFlags.limit,
    'staged-layers': {
      describe:
        'with --parallel-unpack: report layers in the store to containerd 2.4 or later (older ones fail)',
    },
    layers: {
      value: 'FORM',
      describe:
        'form of the layers that containerd extracts: directory, or erofs for containerd 2.1 or later (default: directory)',
    },
    containerd: {
      value: 'SOCKET',
      describe: `socket that tells containerd's version, for --layers erofs (default: ${containerdSocket})`,
    },
  },
  async run(_, options, context) {
    const { address = snapshotterSocket } = options;
    if (options.metrics !== undefined && resolve(options.metrics) === resolve(address))
      throw usageError('--metrics and --address are the same socket', command);
    const { limits } = readLimits({ ...options, 'max-json': undefined }, command);
    const { chooseStore } = await import('../../../config/store.js');
    const { loadHooks } = await import('../../../config/load.js');
    const { CallMetrics, serveMetrics, serveSnapshotter } = await import('../../../snapshotter/index.js');
    const config = await loadHooks({ file: context.hooksFile, env: process.env, limits });
    const choice = chooseStore({ store: options.store, config, env: process.env });
    makeOwnDirectory(address, options.metrics);
    const layers = await erofsLayers(options, choice.root, context.log);
    const metrics = new CallMetrics();
    const logCall = callLogger(context.log);
    const service = await serveSnapshotter({
      ...choice,
      limits: config?.limits ?? limits,
      address,
      client: options.client ?? 'containerd',
      parallelUnpack: options['parallel-unpack'],
      stagedLayers: options['staged-layers'],
      asImage: layers && (() => layers.isUsed()),
      ...(await hooksOf(config, context.log)),
      answered: (call) => {
        metrics.record(call);
        logCall(call);
      },
      ...reportsTo(context.log),
    });
    try {
      const stopMetrics = options.metrics && (await serveMetrics(options.metrics, metrics, service));
      announce(context, { address, root: choice.root, metrics: options.metrics, service });
      await untilSignal(context);
      if (stopMetrics) await stopMetrics();
    } finally {
      await service.close();
    }
  },
});

/** Creates the directory of the default socket for sockets in it: it is on a tmpfs, and so missing after each boot. */
function makeOwnDirectory(...sockets: (string | undefined)[]): void {
  const own = dirname(snapshotterSocket);
  if (sockets.some((socket) => socket !== undefined && dirname(resolve(socket)) === own))
    makeDirectory(own, 0o755);
}

/** Returns the part of the options by which the service reports what happens while it runs. */
function reportsTo(log: Logger) {
  return {
    notAnImage: (name, error) => log.warn(`snapshot ${name} stays a directory: ${error.message}`),
    untrusted: ({ name, why }) => log.warn('untrusted snapshot', { name, why }),
    verify: async (content) => {
      const { verifyLayer } = await import('../../../engine/verify-layer.js');
      log.info('verifying a layer that a power loss may have damaged', { directory: content.directory });
      return (await verifyLayer(content))?.length ?? null;
    },
    flushFailed: (error) => log.warn(`cannot flush the store to its disk: ${reasonOf(error)}`),
    eraseFailed: (error) => log.warn(`cannot remove all files of a removed snapshot: ${reasonOf(error)}`),
  } satisfies Partial<ServeOptions>;
}

/** @throws LayerhookError CONTAINERD_VERSION; usage errors */
async function erofsLayers(
  { layers = 'directory', containerd }: { layers?: string | undefined; containerd?: string | undefined },
  root: string,
  log: Logger,
): Promise<ErofsLayers | undefined> {
  if (layers !== 'directory' && layers !== 'erofs')
    throw usageError(`--layers ${layers}: use directory or erofs`, command);
  if (layers === 'directory') {
    if (containerd !== undefined) throw usageError('--containerd needs --layers erofs', command);
    return undefined;
  }
  const { ErofsLayers } = await import('../../../snapshotter/index.js');
  const { whyNotErofs } = await import('../../../erofs/index.js');
  const decision = new ErofsLayers({
    containerd: containerd ?? containerdSocket,
    whyNot: () => whyNotErofs(root),
    warn: (reason) => log.warn(`layers that containerd extracts stay directories: ${reason}`),
  });
  await decision.begin();
  return decision;
}

/** Returns the calls of the hooks at snapshot points. Without such hooks, the code that calls them is not loaded. */
async function hooksOf(config: LoadedConfig | null, log: Logger): Promise<LayerHookOptions> {
  if (config === null) return {};
  const { snapshotHooks } = await import('../../../engine/snapshot-hooks.js');
  return snapshotHooks(config.sources, log);
}

function announce(
  { log, print }: CommandContext,
  {
    address,
    root,
    metrics,
    service,
  }: { address: string; root: string; metrics: string | undefined; service: SnapshotService },
): void {
  const { client } = service.store;
  log.info('serving', { address, store: root, client });
  const atSocket = metrics === undefined ? '' : `; metrics at ${metrics}`;
  print(`serving the layer store ${root} at ${address}, as client ${client}${atSocket}`);
}

async function untilSignal({ signal, log }: CommandContext): Promise<void> {
  await tellManager('READY=1');
  if (!signal.aborted) await new Promise((stop) => signal.addEventListener('abort', stop, { once: true }));
  log.info('stopping');
  await tellManager('STOPPING=1');
}

/** Notifies systemd, sd_notify(3): a unit of Type=notify counts as started after READY=1. */
async function tellManager(state: string): Promise<void> {
  const { NOTIFY_SOCKET } = process.env;
  if (!NOTIFY_SOCKET) return;
  const { notify } = await import('../../../system/notify.js');
  notify(state, NOTIFY_SOCKET);
}
