/** layerhook-runtime in the place of runc and crun. */
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hookKinds } from '../../src/inject/types.js';
import { type Finished, run, succeed } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { until } from '../helpers/until.js';
import { type ContainerBundle, containerBundle, inOwnMounts, notingHooks } from './containers.js';
import { launcher } from './wrapper.js';

const runtimes = ['runc', 'crun'];

/** Calls a runtime through layerhook-runtime. The container's ID is unique, because a cgroup gets the same name. */
function caller({ dir, state }: ContainerBundle, runtime: string, hooksFile: string) {
  const ours = [launcher, '--hook-config-path', hooksFile, '--runtime-path', runtime, '--root', state];
  const id = basename(dir);
  const line = ([command, ...args]: string[]) => {
    const isSignal = command === 'kill';
    return [...ours, command!, ...(isSignal ? [id, ...args] : [...args, id])];
  };
  const call = (...args: string[]): Promise<Finished> => {
    const command = [...inOwnMounts, ...line(args)];
    // the container keeps the streams that it is created with
    return args[0] === 'create'
      ? run('sh', ['-c', '"$@" > "$0" 2>&1 || { cat "$0"; exit 1; }', join(dir, 'output'), ...command])
      : run(command[0]!, command.slice(1));
  };
  return Object.assign(call, { command: (...args: string[]) => line(args) });
}

async function status(call: ReturnType<typeof caller>): Promise<string> {
  const { stdout } = await call('state');
  return (JSON.parse(stdout) as { status: string }).status;
}

async function stopped(call: ReturnType<typeof caller>): Promise<void> {
  await until('the container stops', async () => (await status(call)) === 'stopped', 50);
}

for (const runtime of runtimes) {
  test.serial(`${runtime}: create, start, kill, delete; hooks of every kind are called once`, async (t) => {
    if (!requires(t, 'root', runtime, 'runc')) return;
    const container = containerBundle(t, 'sleep 1000');
    const hooks = notingHooks(container.dir);
    const call = caller(container, runtime, hooks.file);
    cleanUp(t, call);
    await succeed(t, call('create', '--bundle', container.bundle));
    t.is(await status(call), 'created');
    // runc calls poststart hooks here already
    const called = hooks.called(container.rootfs).filter((kind) => kind !== 'poststart');
    t.deepEqual(called, ['prestart', 'createRuntime', 'createContainer']);
    await succeed(t, call('start'));
    t.is(await status(call), 'running');
    await succeed(t, call('kill', 'KILL'));
    await stopped(call);
    await succeed(t, call('delete'));
    t.deepEqual(hooks.called(container.rootfs), [...hookKinds]);
  });
}

for (const runtime of runtimes) {
  test.serial(`${runtime}: run gives the output and exit status of the container`, async (t) => {
    if (!requires(t, 'root', runtime, 'runc')) return;
    const container = containerBundle(t, 'echo out; echo err >&2; exit 7');
    const hooks = notingHooks(container.dir);
    const finished = await caller(container, runtime, hooks.file)('run', '--bundle', container.bundle);
    t.like(finished, { stdout: 'out\n', stderr: 'err\n', status: 7 });
    t.deepEqual(hooks.called(container.rootfs), [...hookKinds]);
  });

  test.serial(`${runtime}: a signal reaches the container`, async (t) => {
    if (!requires(t, 'root', runtime, 'runc')) return;
    const script = 'trap "exit 9" TERM; touch /ready; while :; do sleep 0.1; done';
    const container = containerBundle(t, script);
    const call = caller(container, runtime, notingHooks(container.dir).file);
    cleanUp(t, call);
    const [program, ...args] = [...inOwnMounts, ...call.command('run', '--bundle', container.bundle)];
    const finished = await run(program!, args, {
      async started(pid) {
        await until('the container is ready', () => existsSync(join(container.rootfs, 'ready')));
        // unshare and sh became layerhook-runtime, which became the runtime
        process.kill(pid, 'SIGTERM');
      },
    });
    t.like(finished, { status: 9, signal: null });
  });

  test.serial(`${runtime}: a container with a terminal has one`, async (t) => {
    if (!requires(t, 'root', runtime, 'runc', 'script')) return;
    const container = containerBundle(t, 'test -t 0 && test -t 1 && echo a terminal', { terminal: true });
    const call = caller(container, runtime, notingHooks(container.dir).file);
    const command = [...inOwnMounts, ...call.command('run', '--bundle', container.bundle)];
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const finished = await run('script', ['-qec', quoted, '/dev/null']);
    t.is(finished.status, 0);
    // script(1) echoes the end of its input in front of it, and a loaded crun colours behind it
    t.regex(finished.stdout, /a terminal\r\n/);
  });

  test.serial(`${runtime}: a hook that fails keeps the container from starting`, async (t) => {
    if (!requires(t, 'root', runtime, 'runc')) return;
    const container = containerBundle(t, 'touch /ran');
    const file = join(container.dir, 'hooks.json');
    writeFileSync(file, JSON.stringify({ createRuntime: [{ path: '/bin/false' }] }));
    const finished = await caller(container, runtime, file)('run', '--bundle', container.bundle);
    t.not(finished.status, 0);
    t.false(existsSync(join(container.rootfs, 'ran')));
  });
}

function cleanUp(t: ExecutionContext, call: ReturnType<typeof caller>): void {
  t.teardown(async () => {
    await call('delete', '--force');
  });
}
