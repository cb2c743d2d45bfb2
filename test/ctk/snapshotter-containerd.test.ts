/** What `layerhook ctk snapshotter` writes, read by containerd. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { pullImage, startRegistry } from '../e2e/registry.js';
import { layeredImage, startDaemon } from '../e2e/snapshotter.js';
import { layerhook, run, succeed } from '../helpers/cli.js';
import { type Containerd, startContainerd } from '../helpers/containerd.js';
import { errorLine } from '../helpers/error-line.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

const original =
  'version = 2\n# node 7\n[plugins."io.containerd.grpc.v1.cri"]\n  disable_tcp_service = true\n';

test.serial('containerd has the snapshotter, its CRI uses it, and forgets it again', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'docker-registry', 'skopeo')) return;
  const daemon = await startDaemon(t);
  const registry = await startRegistry(t);
  const containerd = await startContainerd(t, { config: original });
  const { ctr, configFile, socket } = containerd;
  const config = ['--config-file', configFile];
  const configure = ['configure', ...config, '--address', daemon.address, '--store', daemon.store];
  const ctk = (...args: string[]) => layerhook(['ctk', 'snapshotter', ...args]);

  t.regex(await succeed(t, ctk('status', ...config)), /layerhook is not in/);
  await succeed(t, ctk(...configure));
  await containerd.restart();
  t.is(await stateOf(containerd), 'ok');
  const image = layeredImage(t);
  await succeed(t, ctr('image', 'import', '--snapshotter', 'layerhook', image.archive));
  t.is((await daemon.snapshots()).length, 3);
  const inUse = await ctk('unconfigure', ...config);
  t.is(inUse.status, 6);
  t.regex(inUse.stderr, errorLine('SNAPSHOTTER_IN_USE'));
  t.regex(inUse.stderr, /containerd still uses the snapshotter layerhook: layers 3, containers 0/);
  await succeed(t, ctr('image', 'rm', '--sync', image.name));

  await succeed(t, ctk(...configure, '--cri-default', '--image-labels', '--runtime-handler', 'stored'));
  await containerd.restart();
  await pullImage(socket, await registry.push(image));
  const labels = (await daemon.snapshots()).map(({ labels }) => labels);
  t.deepEqual(
    labels.map((each) => each['containerd.io/snapshot/cri.layer-digest']).sort(),
    image.manifest.layers.map(({ digest }) => digest as string).sort(),
  );
  const status = await succeed(t, ctk('status', ...config));
  t.regex(status, /CRI default {3}yes\ntransfer {6}yes\ndaemon {8}answers; 3 committed snapshots, 0 of/);

  await removeImages(containerd);
  await succeed(t, ctk('unconfigure', ...config));
  t.is(readFileSync(configFile, 'utf8'), original);
  t.false(existsSync(`${configFile}.layerhook-ctk`));
  await containerd.restart();
  t.is(await stateOf(containerd), undefined);
});

for (const dropIn of [false, true]) {
  test(`containerd reads the snapshotter ${dropIn ? 'from a drop-in' : 'from its file'}`, async (t) => {
    if (!requires(t, 'containerd')) return;
    const file = join(tmpdir(t), 'config.toml');
    writeFileSync(file, original);
    const all = ['--cri-default', '--image-labels', '--parallel-unpack', '--runtime-handler=stored'];
    const extra = dropIn ? [...all, '--drop-in'] : all;
    await succeed(t, layerhook(['ctk', 'snapshotter', 'configure', '--config', file, ...extra]));
    const dump = await succeed(t, run('containerd', ['--config', file, 'config', 'dump']));
    for (const line of [
      'disable_tcp_service = true',
      'disable_snapshot_annotations = false',
      '.containerd.runtimes.stored]',
      '.containerd.runtimes.runc]',
      'snapshotter = "layerhook"',
      'address = "/run/layerhook/snapshotter.sock"',
    ]) {
      t.true(dump.includes(line), line);
    }
  });
}

test('without a daemon, status says so, and unconfigure warns', async (t) => {
  const file = join(tmpdir(t), 'config.toml');
  const address = join(tmpdir(t), 'none.sock');
  const ctk = (...args: string[]) => layerhook(['ctk', 'snapshotter', ...args, '--config', file]);
  await succeed(t, ctk('configure', '--address', address));
  const status = await ctk('status');
  t.is(status.status, 1);
  t.true(status.stdout.includes(`daemon        socket not found: ${address}\n`), status.stdout);
  const { stderr, status: ended } = await ctk('unconfigure');
  t.is(ended, 0);
  t.true(stderr.includes('containerd cannot run or remove images and containers that are left in layerhook'));
  t.false(existsSync(file));
});

/** What containerd says of the plugin; undefined if it does not know it. */
async function stateOf({ ctr }: Containerd): Promise<string | undefined> {
  const { stdout } = await ctr('plugins', 'ls');
  const row = stdout.split('\n').find((line) => / layerhook /.test(line));
  return row?.trim().split(/\s+/).at(-1);
}

async function removeImages({ ctr }: Containerd): Promise<void> {
  const cri = (...args: string[]) => ctr('--namespace', 'k8s.io', 'image', ...args);
  const { stdout } = await cri('ls', '--quiet');
  for (const name of stdout.trim().split('\n')) await cri('rm', '--sync', name);
}
