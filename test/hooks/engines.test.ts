/** layerhook-runtime as the runtime of containerd and podman. */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import { run, succeed } from '../helpers/cli.js';
import { startContainerd } from '../helpers/containerd.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';
import { archiveImage, inOwnMounts, notingHooks } from './containers.js';
import { launcher } from './wrapper.js';

/** What is called in the container's rootfs leaves no trace here. */
const outside = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'];

test.serial('containerd with BinaryName: containers have the hooks, and their exit status', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'runc')) return;
  const dir = tmpdir(t);
  const hooks = notingHooks(dir);
  const toml = join(dir, 'runtime.toml');
  writeFileSync(toml, `hooks = "${hooks.file}"\nruntimes = ["runc"]\n`);
  const { ctr } = await startContainerd(t, { env: { LAYERHOOK_RUNTIME_CONFIG: toml } });
  const image = await archiveImage(t, dir);
  await succeed(t, ctr('image', 'import', '--snapshotter', 'native', image.file));
  const id = `layerhook-${basename(dir)}`;
  const runtime = ['--runtime', 'io.containerd.runc.v2', '--runc-binary', launcher];
  const command = ['/bin/sh', '-c', 'test -e /started && echo started; exit 3'];
  const finished = await ctr(
    'run',
    '--rm',
    '--snapshotter',
    'native',
    ...runtime,
    image.name,
    id,
    ...command,
  );
  t.is(finished.stdout, 'started\n', finished.stderr);
  t.is(finished.status, 3);
  t.deepEqual(hooks.called('/nonexistent'), outside);
});

test.serial('podman --runtime: containers have the hooks, and their exit status', async (t) => {
  if (!requires(t, 'root', 'podman', 'crun', 'runc', 'unshare')) return;
  const dir = tmpdir(t);
  const hooks = notingHooks(dir);
  const toml = join(dir, 'runtime.toml');
  writeFileSync(toml, `hooks = "${hooks.file}"\nruntimes = ["crun"]\n`);
  const engine = join(dir, 'containers.conf');
  // podman lets only the runtimes in this list run without cgroups
  writeFileSync(engine, '[engine]\nruntime_supports_nocgroup = ["layerhook-runtime"]\n');
  // podman gives --runtime-flag to some calls only: not when it deletes a container
  const runtime = join(dir, 'layerhook-runtime');
  writeFileSync(runtime, `#!/bin/sh\nexec "${launcher}" --layerhook-config "${toml}" "$@"\n`, {
    mode: 0o755,
  });
  const podman = (...args: string[]) => {
    const places = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--tmpdir', join(dir, 'tmp')];
    const ours = ['--runtime', runtime];
    const settings = ['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', ...ours];
    const command = [...inOwnMounts.slice(1), 'podman', ...places, ...settings, ...args];
    return run(inOwnMounts[0]!, command, { env: { CONTAINERS_CONF: engine } });
  };
  const image = await archiveImage(t, dir);
  await succeed(t, podman('load', '--input', image.file));
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
  const options = ['--rm', '--network', 'none', '--cgroups', 'disabled', ...limits];
  const finished = await podman(
    'run',
    ...options,
    image.name,
    'sh',
    '-c',
    'test -e /started && echo started; exit 3',
  );
  t.is(finished.stdout, 'started\n', finished.stderr);
  t.is(finished.status, 3);
  // podman deletes the container in a process of its own
  await until('podman calls the poststop hook', () => hooks.called('/nonexistent').includes('poststop'));
  t.deepEqual(hooks.called('/nonexistent'), outside);
});
