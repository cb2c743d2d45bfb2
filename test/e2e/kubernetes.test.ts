/** The DaemonSet of docs/examples, run as its manifest says. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectSnapshotter } from '../../src/snapshotter/index.js';
import type { Mount } from '../../src/store/types.js';
import { fromText } from '../../src/system/bytes.js';
import { readXattrs, setXattr } from '../../src/system/xattr.js';
import { succeed } from '../helpers/cli.js';
import { type Containerd, startContainerd } from '../helpers/containerd.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { type PodSpec, parseManifest, startContainer, untilReady } from './pod.js';
import { layeredImage, untilConnected } from './snapshotter.js';

const manifest = 'docs/examples/kubernetes/layerhook-snapshotter.yaml';

/** The pod, with the directories of the node below one of the test's own. */
function podIn(dir: string): PodSpec {
  const text = readFileSync(manifest, 'utf8').replaceAll(
    /\/(var\/lib\/layerhook|run\/layerhook)\b/g,
    `${dir}/$1`,
  );
  const set = parseManifest(text).find(({ kind }) => kind === 'DaemonSet') as unknown as {
    spec: { template: { spec: PodSpec } };
  };
  const pod = set.spec.template.spec;
  for (const { hostPath } of pod.volumes) {
    if (!hostPath.path.startsWith(dir)) hostPath.path = dir + hostPath.path;
  }
  return pod;
}

test.serial('containerd of the node uses the daemon of the pod, also after that was killed', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'runc')) return;
  const dir = tmpdir(t);
  const pod = podIn(dir);
  const [configure] = pod.initContainers as [PodSpec['containers'][0]];
  const [serve] = pod.containers as [PodSpec['containers'][0]];
  const init = startContainer(t, pod, configure);
  t.is(await init.ended(), 0, init.log());
  const config = readFileSync(join(dir, 'etc/containerd/config.toml'), 'utf8');
  t.regex(config, /runtimes\.layerhook-store\]/);

  const daemon = startContainer(t, pod, serve);
  await untilReady(daemon, serve);
  const address = join(dir, 'run/layerhook/snapshotter.sock');
  t.is(statSync(address).mode & 0o777, 0o600);
  const containerd = await startContainerd(t, {
    config: `disabled_plugins = ["io.containerd.grpc.v1.cri"]\n${config}`,
  });
  const { ctr } = containerd;
  const image = layeredImage(t, [
    [
      { name: 'theirs', type: 'dir', mode: 0o700, uid: 1000, gid: 1000 },
      { name: 'theirs/sticky', type: 'dir', mode: 0o1000, uid: 1000, gid: 1000 },
      { name: 'theirs/sticky/file', content: 'x', mode: 0, uid: 1001, gid: 1001 },
    ],
  ]);
  const load = () => succeed(t, ctr('image', 'import', '--snapshotter', 'layerhook', image.archive));
  await load();
  await runScript(t, containerd, image.name);
  t.deepEqual(await attributesAbove(address), { attributes: rootAttributes, mapped: 100_000 });
  t.is(await daemon.kill('KILL'), 137);

  const next = startContainer(t, pod, serve);
  await untilReady(next, serve);
  await untilConnected(t, ctr);
  await runScript(t, containerd, image.name);
  await succeed(t, ctr('image', 'rm', '--sync', image.name));
  t.deepEqual(await namesAt(address), []);
  t.is(await next.kill('TERM'), 0, next.log());
  t.deepEqual(readdirSync(join(dir, 'var/lib/layerhook/snapshots')), []);
  t.false(existsSync(address), 'the socket goes with the daemon');
});

test.serial('each capability of the pod is needed', async (t) => {
  if (!requires(t, 'root', 'runc')) return;
  const [{ securityContext }] = podIn('/nowhere').containers as [PodSpec['containers'][0]];
  const without = async (capability: string) => {
    const dir = tmpdir(t);
    const pod = podIn(dir);
    const [container] = pod.containers as [PodSpec['containers'][0]];
    const { capabilities } = container.securityContext;
    capabilities.add = capabilities.add!.filter((each) => each !== capability);
    const daemon = startContainer(t, pod, container);
    await untilReady(daemon, container);
    const found = await attributesAbove(join(dir, 'run/layerhook/snapshotter.sock')).catch(String);
    t.notDeepEqual(found, { attributes: rootAttributes, mapped: 100_000 }, capability);
    await daemon.kill('TERM');
  };
  await Promise.all(securityContext.capabilities.add!.map(without));
});

const rootXattrs = {
  'trusted.x': 'x',
  'security.capability': `\x01\x00\x00\x02\x00\x04${'\x00'.repeat(14)}`,
};
/** What an image may give its root directory. */
const rootAttributes = { mode: 0o3750, uid: 1000, gid: 1001, xattrs: Object.keys(rootXattrs).sort() };

/**
 * Commits a layer with such a root directory, and a directory that is its owner's alone.
 *
 * @returns attributes that the daemon gives to the root directory of a snapshot above, and the owner if it is mapped
 * @throws what the daemon says
 */
async function attributesAbove(address: string) {
  const client = connectSnapshotter(address);
  try {
    const [{ source: base }] = (await client.prepare('base', '')) as [Mount];
    for (const [name, value] of Object.entries(rootXattrs)) {
      setXattr(fromText(base), name, Buffer.from(value, 'latin1'));
    }
    mkdirSync(join(base, 'theirs'), { mode: 0o700 });
    writeFileSync(join(base, 'theirs/file'), 'x');
    chownSync(join(base, 'theirs'), 1000, 1000);
    chownSync(base, rootAttributes.uid, rootAttributes.gid);
    chmodSync(base, rootAttributes.mode);
    await client.commit('lower', 'base');
    await client.usage('lower');
    const top = upperdir(await client.prepare('top', 'lower'));
    const { mode, uid, gid } = statSync(top);
    const xattrs = [...readXattrs(fromText(top)).keys()].sort();
    const map = '0:100000:65536';
    const labels = { 'containerd.io/snapshot/uidmapping': map, 'containerd.io/snapshot/gidmapping': map };
    const mapped = statSync(upperdir(await client.prepare('mapped', 'lower', { labels }))).uid;
    for (const key of ['mapped', 'top', 'lower']) await client.remove(key);
    return { attributes: { mode: mode & 0o7777, uid, gid, xattrs }, mapped };
  } finally {
    await client.close();
  }
}

function upperdir([mount]: readonly Mount[]): string {
  return mount!.options.find((option) => option.startsWith('upperdir='))!.replace('upperdir=', '');
}

async function namesAt(address: string): Promise<string[]> {
  const client = connectSnapshotter(address);
  const names: string[] = [];
  for await (const { name } of client.walk()) names.push(name);
  await client.close();
  return names;
}

/** Reads and writes in a container. The exit status tells the result: on a busy machine, ctr loses output of short scripts. */
async function runScript(t: ExecutionContext<unknown>, { ctr }: Containerd, image: string): Promise<void> {
  const id = `layerhook-${basename(tmpdir(t))}`;
  const script = 'test "$(cat /theirs/sticky/file)" = x && echo more > /theirs/new';
  await succeed(t, ctr('run', '--rm', '--snapshotter', 'layerhook', image, id, '/bin/sh', '-c', script));
}
