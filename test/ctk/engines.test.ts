/** What `layerhook ctk` writes, read by the engines themselves. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { layerhook, run, succeed } from '../helpers/cli.js';
import { startContainerd } from '../helpers/containerd.js';
import { startDocker } from '../helpers/docker.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { archiveImage, notingHooks } from '../hooks/containers.js';
import { launcher } from '../hooks/wrapper.js';
import { callCri, firstText, message } from './cri.js';

/** The hook in the container leaves no trace outside of it. */
const outside = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'];

/** layerhook-runtime installed by ctk, with settings and hooks that note that they are called. */
async function install(t: ExecutionContext) {
  const dir = tmpdir(t);
  const hooks = notingHooks(dir);
  const settings = join(dir, 'runtime.toml');
  const set = ['--set', `hooks=${hooks.file}`, '--set', 'runtimes=runc'];
  await succeed(t, layerhook(['ctk', 'config', '--config-file', settings, ...set]));
  await succeed(t, layerhook(['ctk', 'install', '--prefix', dir, '--config-file', settings]));
  return { dir, hooks, path: join(dir, 'bin/layerhook-runtime') };
}

test.serial('containerd runs a pod by the name of the new runtime, with its hooks', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'runc')) return;
  const { dir, hooks, path } = await install(t);
  const image = archiveImage(t, dir, ['/bin/sleep', '1000']);
  const config = `version = 2
[plugins."io.containerd.grpc.v1.cri"] # not the whole of it
  sandbox_image = "${image.name}"
  disable_tcp_service = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
`;
  const { configFile, socket, ctr, restart } = await startContainerd(t, { config });
  await succeed(t, ctr('--namespace', 'k8s.io', 'image', 'import', '--snapshotter', 'native', image.file));
  const ours = ['--runtime', 'containerd', '--config-file', configFile];
  await succeed(t, layerhook(['ctk', 'runtime', 'configure', ...ours, '--path', path]));
  const dump = await succeed(t, run('containerd', ['--config', configFile, 'config', 'dump']));
  t.true(dump.includes('containerd.runtimes.layerhook.options]'));
  t.true(dump.includes(`BinaryName = "${configFile}.layerhook-runtime"`));
  t.true(dump.includes(`sandbox_image = "${image.name}"`));
  await restart();

  const id = await runPod(socket, basename(dir));
  const reference = message({ 1: id });
  await callCri(socket, 'StopPodSandbox', reference);
  await callCri(socket, 'RemovePodSandbox', reference);
  t.deepEqual(hooks.called('/nonexistent'), outside);
  await succeed(t, layerhook(['ctk', 'runtime', 'unconfigure', ...ours]));
  t.is(readFileSync(configFile, 'utf8'), config);
});

/** A pod in the network of this machine; its id. */
async function runPod(socket: string, name: string): Promise<string> {
  const metadata = message({ 1: name, 2: name, 3: 'layerhook-test' });
  const hostNetwork = message({ 1: 2 });
  const linux = message({ 2: message({ 1: hostNetwork }) });
  const config = message({ 1: metadata, 8: linux });
  return firstText(await callCri(socket, 'RunPodSandbox', message({ 1: config, 2: 'layerhook' })));
}

for (const dropIn of [false, true]) {
  test(`containerd reads the configuration ${dropIn ? 'as a drop-in' : 'in its file'}`, async (t) => {
    if (!requires(t, 'containerd')) return;
    const dir = tmpdir(t);
    const file = join(dir, 'config.toml');
    const cri = 'plugins."io.containerd.grpc.v1.cri"';
    const options = `[${cri}.containerd.runtimes.runc.options]\n  SystemdCgroup = true\n`;
    writeFileSync(file, `version = 2\n[${cri}]\n  sandbox_image = "mine"\n${options}`);
    const extra = dropIn ? ['--drop-in'] : [];
    const ours = ['--runtime', 'containerd', '--config-file', file, '--path', '/bin/true', '--default'];
    await succeed(t, layerhook(['ctk', 'runtime', 'configure', ...ours, ...extra]));
    const dump = await succeed(t, run('containerd', ['--config', file, 'config', 'dump']));
    for (const line of [
      'sandbox_image = "mine"',
      'default_runtime_name = "layerhook"',
      'BinaryName = "/bin/true"',
    ]) {
      t.true(dump.includes(line), line);
    }
    t.is(dump.split('SystemdCgroup = true').length, 3, "runc's and ours");
  });
}

test.serial('docker runs a container by the name of the new runtime, with its hooks', async (t) => {
  if (!requires(t, 'root', 'dockerd', 'docker', 'runc', 'skopeo')) return;
  const { dir, hooks, path } = await install(t);
  const configFile = join(dir, 'daemon.json');
  // with a runtime as in the README of oci-add-hooks
  const other = notingHooks(tmpdir(t));
  const runtimeArgs = ['--hook-config-path', other.file, '--runtime-path', 'runc'];
  const runtimes = { 'add-hooks': { path: launcher, runtimeArgs } };
  const original = JSON.stringify({ 'log-level': 'warn', runtimes }, null, 2);
  writeFileSync(configFile, original);
  const ours = ['--runtime', 'docker', '--config-file', configFile];
  await succeed(t, layerhook(['ctk', 'runtime', 'configure', ...ours, '--path', path, '--default']));
  const docker = await startDocker(t, ['--config-file', configFile]);
  t.is(await succeed(t, docker('info', '--format', '{{.DefaultRuntime}}')), 'layerhook\n');

  const image = archiveImage(t, dir);
  const archive = join(dir, 'docker.tar');
  const copy = [
    '--insecure-policy',
    'copy',
    `oci-archive:${image.file}`,
    `docker-archive:${archive}:layerhook:test`,
  ];
  await succeed(t, run('skopeo', copy));
  await succeed(t, docker('load', '--input', archive));
  const command = ['sh', '-c', 'test -e /started && echo started; exit 3'];
  const runWith = (runtime: string) =>
    docker('run', '--rm', '--runtime', runtime, '--network', 'none', 'layerhook:test', ...command);
  for (const [runtime, noted] of [
    ['layerhook', hooks],
    ['add-hooks', other],
  ] as const) {
    const finished = await runWith(runtime);
    t.is(finished.stdout, 'started\n', finished.stderr);
    t.is(finished.status, 3);
    t.deepEqual(noted.called('/nonexistent'), outside);
  }
  await succeed(t, layerhook(['ctk', 'runtime', 'unconfigure', ...ours]));
  t.is(readFileSync(configFile, 'utf8'), original);
});
