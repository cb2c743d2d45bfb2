/** The DaemonSet of docs/examples, run as its manifest says. */
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { connectSnapshotter } from '../../src/snapshot/service/index.js';
import type { Mount } from '../../src/snapshot/types.js';
import { fromText } from '../../src/system/bytes.js';
import { readXattrs, setXattr } from '../../src/system/xattr.js';
import { succeed } from '../helpers/cli.js';
import { type Containerd, startContainerd } from '../helpers/containerd.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { type PodSpec, parseManifest, startContainer, untilReady } from './pod.js';
import { layeredImage } from './snapshotter.js';

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
  t.is(await runScript(t, containerd, image.name), 'x\n');
  await checkAttributes(t, address);
  t.is(await daemon.kill('KILL'), 137);

  const next = startContainer(t, pod, serve);
  await untilReady(next, serve);
  const snapshots = (...args: string[]) => ctr('snapshots', '--snapshotter', 'layerhook', ...args);
  while ((await snapshots('prepare', 'a try')).status !== 0) await delay(200);
  await succeed(t, snapshots('rm', 'a try'));
  t.is(await runScript(t, containerd, image.name), 'x\n');
  await succeed(t, ctr('image', 'rm', '--sync', image.name));
  t.deepEqual(await namesAt(address), []);
  t.is(await next.kill('TERM'), 0, next.log());
  t.deepEqual(readdirSync(join(dir, 'var/lib/layerhook/snapshots')), []);
  t.false(existsSync(address), 'the socket goes with the daemon');
});

/** What a root directory of an image may be, the daemon gives to what is above, and takes away. */
async function checkAttributes(t: ExecutionContext<unknown>, address: string): Promise<void> {
  const client = connectSnapshotter(address);
  const [{ source: base }] = (await client.prepare('base', '')) as [Mount];
  const xattrs = { 'trusted.x': 'x', 'security.capability': `\x01\x00\x00\x02\x00\x04${'\x00'.repeat(14)}` };
  for (const [name, value] of Object.entries(xattrs))
    setXattr(fromText(base), name, Buffer.from(value, 'latin1'));
  chownSync(base, 1000, 1001);
  chmodSync(base, 0o3750);
  await client.commit('lower', 'base');
  const upper = (mounts: readonly Mount[]) =>
    mounts[0]!.options.find((option) => option.startsWith('upperdir='))!.replace('upperdir=', '');
  const top = upper(await client.prepare('top', 'lower'));
  const { mode, uid, gid } = statSync(top);
  t.deepEqual([mode & 0o7777, uid, gid], [0o3750, 1000, 1001]);
  t.deepEqual([...readXattrs(fromText(top)).keys()].sort(), Object.keys(xattrs).sort());
  const map = '0:100000:65536';
  const mapping = { 'containerd.io/snapshot/uidmapping': map, 'containerd.io/snapshot/gidmapping': map };
  const mapped = upper(await client.prepare('mapped', 'lower', { labels: mapping }));
  t.is(statSync(mapped).uid, 100_000);
  for (const key of ['mapped', 'top', 'lower']) await client.remove(key);
  await client.close();
}

async function namesAt(address: string): Promise<string[]> {
  const client = connectSnapshotter(address);
  const names: string[] = [];
  for await (const { name } of client.walk()) names.push(name);
  await client.close();
  return names;
}

function runScript(t: ExecutionContext<unknown>, { ctr }: Containerd, image: string): Promise<string> {
  const id = `layerhook-${basename(tmpdir(t))}`;
  const script = 'cat /theirs/sticky/file; echo; echo more > /theirs/new';
  return succeed(t, ctr('run', '--rm', '--snapshotter', 'layerhook', image, id, '/bin/sh', '-c', script));
}
