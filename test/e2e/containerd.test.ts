/** The store as containerd's snapshotter, beside bundles of the command line. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openStore } from '../../src/store/index.js';
import { layerhook, mainFile, run, succeed } from '../helpers/cli.js';
import { startContainerd } from '../helpers/containerd.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';
import { until } from '../helpers/until.js';
import { pullImage, startRegistry } from './registry.js';
import {
  type ContainerImage,
  count,
  type Daemon,
  layeredImage,
  proxyConfig,
  runScript,
  shown,
  startDaemon,
  untilCollected,
  untilConnected,
} from './snapshotter.js';

test.serial(
  'containerd imports, runs and deletes an image; a bundle of its layers stays whole',
  async (t) => {
    if (!requires(t, 'root', 'containerd', 'ctr', 'runc')) return;
    const daemon = await startDaemon(t);
    const { ctr } = await startContainerd(t, { config: proxyConfig(daemon) });
    const image = layeredImage(t);
    const rootfs = await unpack(t, daemon, image);
    const before = treeOf(rootfs);
    const layers = await layersOf(daemon);
    await succeed(t, ctr('image', 'import', '--snapshotter', 'layerhook', image.archive));
    t.is(await runScript(t, ctr, image.name), shown);
    await untilCollected(daemon, 3);
    await succeed(t, layerhook(['store', 'gc', '--store', daemon.store]));
    t.is(await runScript(t, ctr, image.name), shown, "the command line's gc took nothing of containerd's");
    await succeed(t, ctr('image', 'rm', '--sync', image.name));
    t.deepEqual(await daemon.snapshots(), []);
    t.deepEqual(await layersOf(daemon), layers);
    t.deepEqual(diffTrees(before, treeOf(rootfs)), []);
  },
);

test.serial('after unpack, a CRI pull fetches and unpacks no layer', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'runc', 'docker-registry', 'skopeo')) return;
  const daemon = await startDaemon(t);
  const registry = await startRegistry(t);
  const { ctr, socket } = await startContainerd(t, { config: proxyConfig(daemon, { cri: true }) });
  const image = layeredImage(t);
  const name = await registry.push(image);
  await unpack(t, daemon, image);
  const directories = readdirSync(join(daemon.store, 'snapshots'));
  registry.fetched();
  await pullImage(socket, name);
  const layers = image.manifest.layers.map(({ digest }) => digest as string);
  t.deepEqual(
    registry.fetched().filter((digest) => layers.includes(digest)),
    [],
  );
  t.deepEqual(readdirSync(join(daemon.store, 'snapshots')), directories);
  t.is((await daemon.snapshots()).length, 3);
  t.is(await runScript(t, ctr, name, 'k8s.io'), shown);
});

test.serial('after a CRI pull, unpack skips every layer', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'runc', 'docker-registry', 'skopeo')) return;
  const daemon = await startDaemon(t);
  const registry = await startRegistry(t);
  const { socket } = await startContainerd(t, { config: proxyConfig(daemon, { cri: true }) });
  const image = layeredImage(t);
  await pullImage(socket, await registry.push(image));
  const directories = readdirSync(join(daemon.store, 'snapshots'));
  t.is(directories.length, 3);
  const rootfs = await unpack(t, daemon, image);
  t.is(readdirSync(join(daemon.store, 'snapshots')).length, 4, 'the bundle alone is new');
  t.is(readFileSync(join(rootfs, 'data/kept'), 'utf8'), 'one');
  t.false(existsSync(join(rootfs, 'data/deleted')));
  t.deepEqual(readdirSync(join(rootfs, 'opaque')), ['new']);
});

test.serial('the daemon is killed in the middle of an import, and started again', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'runc')) return;
  const daemon = await startDaemon(t);
  const { ctr } = await startContainerd(t, { config: proxyConfig(daemon) });
  const more = Array.from({ length: 12 }, (_, at) => [{ name: `more/${at}`, content: randomBytes(1 << 20) }]);
  const image = layeredImage(t, more);
  const importing = ctr('image', 'import', '--snapshotter', 'layerhook', image.archive);
  const isUnderWay = () => count(daemon.log(), ' Commit ') >= 2;
  await until('containerd commits two layers', isUnderWay, 5);
  t.is(await daemon.end('SIGKILL'), 'SIGKILL');
  t.not((await importing).status, 0);
  await daemon.start();
  await untilConnected(t, ctr);
  await succeed(t, ctr('image', 'import', '--snapshotter', 'layerhook', image.archive));
  t.is(await runScript(t, ctr, image.name), shown);
  await succeed(t, ctr('image', 'rm', '--sync', image.name));
  t.deepEqual(await daemon.snapshots(), []);
  t.is(await daemon.end('SIGTERM'), 0);
  t.deepEqual(readdirSync(join(daemon.store, 'snapshots')), []);
});

test.serial(
  'the daemon notifies a service manager when ready and when stopping, and may receive its socket',
  async (t) => {
    if (!requires(t, 'python3')) return;
    const dir = tmpdir(t);
    const [address, notify, store] = ['socket', 'notify', 'store'].map((name) => join(dir, name)) as string[];
    const manager = [resolve('test/e2e/service-manager.py'), address!, notify!, process.execPath, mainFile];
    const metrics = join(dir, 'metrics');
    const serve = ['snapshotter', 'serve', '--address', address!, '--root', store!, '--metrics', metrics];
    const said = await succeed(t, run('python3', [...manager, ...serve]));
    const serving = `serving the layer store ${store} at ${address}, as client containerd; metrics at ${metrics}`;
    t.deepEqual(said.trim().split('\n'), [serving, 'READY=1', 'answered', 'STOPPING=1', 'ended with 0']);
  },
);

/** Unpacks an image into a bundle by the overlay driver. @returns its rootfs, mounted */
async function unpack(t: ExecutionContext<unknown>, daemon: Daemon, image: ContainerImage): Promise<string> {
  const bundle = join(tmpdir(t), 'bundle');
  t.teardown(() => layerhook(['bundle', 'rm', bundle]));
  const options = ['--driver', 'overlay', '--store', daemon.store];
  await succeed(t, layerhook(['unpack', '--image', image.reference, ...options, bundle]));
  return join(bundle, 'rootfs');
}

/** ids of the layers in the store that the command line has a name for */
async function layersOf({ store: root }: Daemon): Promise<string[]> {
  const store = await openStore({ root });
  const contents = await store.list();
  await store.close();
  return contents.flatMap(({ id, layer, names }) =>
    layer && names.some(({ client }) => client === 'layerhook') ? [id] : [],
  );
}
