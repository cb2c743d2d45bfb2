/** Layers that a hook has, for a containerd that pulls: docs/examples/layer-share.sh, and hooks that fail or are killed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { privateDir, script, write } from '../config/helpers.js';
import { layerhook } from '../helpers/cli.js';
import { startContainerd } from '../helpers/containerd.js';
import { requires } from '../helpers/requires.js';
import { until } from '../helpers/until.js';
import { pullImage, type Registry, startRegistry } from './registry.js';
import {
  type ContainerImage,
  type Daemon,
  layeredImage,
  proxyConfig,
  runScript,
  shown,
  startDaemon,
  untilCollected,
  untilConnected,
} from './snapshotter.js';

const SKIP = 'snapshot.ociv1.layer.try-skip';
const POST = 'snapshot.ociv1.layer.post-extract';
const needs = ['root', 'containerd', 'ctr', 'runc', 'docker-registry', 'skopeo'];

interface Node {
  daemon: Daemon;
  containerd: Awaited<ReturnType<typeof startContainerd>>;
}

/** A containerd whose snapshotter has one program as its hook. @param more of its table in hooks.toml */
async function startNode(t: ExecutionContext<unknown>, program: string, more = ''): Promise<Node> {
  const table = `[[hook]]\npoint = ["${SKIP}", "${POST}"]\nexec = ["${program}"]\n${more}\n`;
  const hooks = write(privateDir(t), 'hooks.toml', table);
  const daemon = await startDaemon(t, ['--hooks', hooks]);
  // labels of the CRI plugin, which by default sends none but the ref
  const config = `${proxyConfig(daemon, { cri: true })}  disable_snapshot_annotations = false\n`;
  return { daemon, containerd: await startContainerd(t, { config }) };
}

async function startShare(t: ExecutionContext<unknown>) {
  const dir = privateDir(t);
  const program = write(dir, 'layer-share.sh', readFileSync('docs/examples/layer-share.sh', 'utf8'), 0o755);
  const share = join(dir, 'share');
  mkdirSync(share);
  return {
    share,
    tars: () => (readdirSync(share, { recursive: true }) as string[]).filter((name) => name.endsWith('.tar')),
    node: () => startNode(t, program, `env = ["SHARE_DIR=${share}"]`),
  };
}

/** Pulls, and says which layers were fetched. */
async function fetched(
  { containerd }: Node,
  registry: Registry,
  image: ContainerImage,
  name: string,
): Promise<string[]> {
  registry.fetched();
  await pullImage(containerd.socket, name);
  const blobs = registry.fetched();
  return image.manifest.layers
    .map(({ digest }) => digest as string)
    .filter((digest) => blobs.includes(digest));
}

test.serial('a layer that one containerd pulled is taken from the share by another', async (t) => {
  if (!requires(t, ...needs)) return;
  const { share, tars, node } = await startShare(t);
  const registry = await startRegistry(t);
  const image = layeredImage(t);
  const layers = image.manifest.layers.map(({ digest }) => digest as string);
  const name = await registry.push(image);
  const first = await node();
  t.deepEqual(await fetched(first, registry, image, name), layers);
  await until('the share has all layers', () => tars().length === layers.length, 50);

  const second = await node();
  t.deepEqual(await fetched(second, registry, image, name), [], 'no layer was fetched');
  t.is(await runScript(t, second.containerd.ctr, name, 'k8s.io'), shown);
  await untilCollected(second.daemon, layers.length);
  const images = (...args: string[]) => second.containerd.ctr('--namespace', 'k8s.io', 'images', ...args);
  const names = (await images('ls', '-q')).stdout.trim().split('\n');
  await images('rm', '--sync', ...names);
  t.deepEqual(readdirSync(join(second.daemon.store, 'snapshots')), [], 'no snapshot is left');

  const chainID = image.config.rootfs.diff_ids[0]!.replace(':', '-');
  for (const other of readdirSync(share).filter((of) => of !== chainID))
    rmSync(join(share, other), { recursive: true });
  const third = await node();
  t.deepEqual(await fetched(third, registry, image, name), layers.slice(1), 'all but the lowest');
  t.is(await runScript(t, third.containerd.ctr, name, 'k8s.io'), shown);
});

test.serial('a hook that fails: the pull fails, or with on-failure "continue" does without', async (t) => {
  if (!requires(t, ...needs)) return;
  const dir = privateDir(t);
  const context = join(dir, 'context');
  const program = script(dir, 'fail', `cat > ${context}; echo 'the share is not there' >&2; exit 1`);
  const registry = await startRegistry(t);
  const image = layeredImage(t);
  const name = await registry.push(image);
  const { containerd, daemon } = await startNode(t, program);
  await t.throwsAsync(pullImage(containerd.socket, name), {
    message:
      /hook hooks\.toml:1 exec .* failed at .*try-skip for layer sha256:[0-9a-f]+: exit status 1: the share is not there/,
  });
  t.deepEqual(readdirSync(join(daemon.store, 'snapshots')), []);
  const { labels, client, key } = JSON.parse(readFileSync(context, 'utf8'));
  t.is(labels['containerd.io/snapshot/cri.layer-digest'], image.manifest.layers[0]!.digest);
  t.is(labels['containerd.io/snapshot/cri.image-ref'], name);
  t.is(client, 'containerd');
  t.regex(key, /^k8s\.io\/\d+\/extract-\d+-\S+ sha256:/);

  const patient = await startNode(t, program, 'on-failure = "continue"');
  t.is((await fetched(patient, registry, image, name)).length, image.manifest.layers.length);
  t.is(await runScript(t, patient.containerd.ctr, name, 'k8s.io'), shown);
  t.regex(patient.daemon.log(), /the share is not there; going on as if it had declined/);
});

test.serial('the daemon is killed while a hook fills a layer', async (t) => {
  if (!requires(t, ...needs)) return;
  const dir = privateDir(t);
  const [asked, pid] = [join(dir, 'asked'), join(dir, 'pid')];
  const program = script(
    dir,
    'hang',
    `[ ! -e ${asked} ] || exit 77
    target=$(sed 's/.*"target":"\\([^"]*\\)".*/\\1/')
    echo half > "$target/half"; echo $$ > ${pid}; touch ${asked}; exec sleep 600`,
  );
  const registry = await startRegistry(t);
  const image = layeredImage(t);
  const name = await registry.push(image);
  const node = await startNode(t, program);
  const { containerd, daemon } = node;
  const pulling = t.throwsAsync(pullImage(containerd.socket, name));
  await until('the hook is called', () => existsSync(asked));
  t.deepEqual(await daemon.snapshots(), [], 'containerd sees no snapshot');
  await daemon.end('SIGKILL');
  // it goes on by itself
  spawnSync('kill', ['-KILL', readFileSync(pid, 'utf8').trim()]);
  await pulling;
  t.is(readdirSync(join(daemon.store, 'snapshots')).length, 1);
  await daemon.start();
  t.deepEqual(await daemon.snapshots(), []);
  const isEmpty = () => readdirSync(join(daemon.store, 'snapshots')).length === 0;
  await until('the half layer is removed', isEmpty);
  await untilConnected(t, containerd.ctr);
  t.is((await fetched(node, registry, image, name)).length, image.manifest.layers.length);
  t.is(await runScript(t, containerd.ctr, name, 'k8s.io'), shown);
});

test('the server does not start with a hooks.toml that is wrong', async (t) => {
  const dir = privateDir(t);
  const hooks = write(dir, 'hooks.toml', `[[hook]]\npoint = "${SKIP}"\nexec = ["/nonexistent/program"]\n`);
  const address = join(dir, 'socket');
  const serve = ['snapshotter', 'serve', '--address', address, '--store', join(dir, 'store')];
  const { status, stderr } = await layerhook(['--hooks', hooks, ...serve]);
  t.is(status, 9);
  t.regex(stderr, /hooks\.toml:3: \/nonexistent\/program does not exist/);
  t.false(existsSync(address));
  t.false(existsSync(join(dir, 'store')));
});
