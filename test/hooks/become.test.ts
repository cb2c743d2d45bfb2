/** What the runtime gets is what the engine gave: each test runs a program directly, and through layerhook-runtime. */
import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { applyChanges } from '../../src/ctk/files.js';
import { planLauncher } from '../../src/ctk/launcher.js';
import { type Finished, run } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { launcher, setUp } from './wrapper.js';

/** Runs `argv` as the last thing of a Python program, whose own part `prepare` is. */
async function after(prepare: string, argv: readonly string[]): Promise<Finished> {
  const program = `
import fcntl, os, resource, signal, sys
for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT): signal.signal(number, signal.SIG_DFL)
env = {b'PATH': b'/usr/bin:/bin'}
${prepare}
os.execve(sys.argv[1], sys.argv[1:], env)`;
  return run('python3', ['-c', program, ...argv]);
}

/** Runs the program twice: directly and through layerhook-runtime. */
async function both(t: ExecutionContext, prepare: string, argv: readonly [string, ...string[]]) {
  if (!requires(t, 'python3')) return undefined;
  const [program, ...args] = argv;
  const direct = await after(prepare, argv);
  const { dir, flags } = setUp(t);
  const wrapped = await after(prepare, [launcher, ...flags(program), ...args]);
  // as containerd and CRI-O call it, which give no options
  const own = planLauncher(join(dir, 'config'), { name: 'layerhook', path: launcher }, program);
  applyChanges([own]);
  const launched = await after(prepare, [own.file, ...args]);
  t.deepEqual(launched, wrapped);
  t.is(direct.status, 0);
  t.is(wrapped.stderr, direct.stderr);
  t.is(wrapped.status, 0);
  return { direct: direct.stdout, wrapped: wrapped.stdout };
}

async function same(t: ExecutionContext, prepare: string, argv: readonly [string, ...string[]]) {
  const outputs = await both(t, prepare, argv);
  if (outputs !== undefined) t.is(outputs.wrapped, outputs.direct);
}

const status = [
  '/bin/grep',
  '-E',
  '^(Sig(Blk|Ign)|Umask|Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)',
  '/proc/self/status',
] as const;

test('the signal mask', (t) =>
  same(t, 'signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM, 40})', status));

test('the empty signal mask, the default dispositions', (t) => same(t, '', status));

test('signals that are ignored', (t) =>
  same(
    t,
    'for n in (signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR2, 50): signal.signal(n, signal.SIG_IGN)',
    status,
  ));

test('the umask', (t) => same(t, 'os.umask(0o137)', status));

test('the limits of open files', (t) =>
  same(t, 'resource.setrlimit(resource.RLIMIT_NOFILE, (333, 4444))', ['/bin/cat', '/proc/self/limits']));

test('limits that are equal', (t) =>
  same(t, 'resource.setrlimit(resource.RLIMIT_NOFILE, (999, 999))', ['/bin/cat', '/proc/self/limits']));

test('an environment that is empty', (t) => same(t, 'env = {}', ['/bin/cat', '/proc/self/environ']));

test('an environment that no shell could keep', (t) =>
  same(
    t,
    String.raw`env = {b'A.B': b'x\ny', b'PWD': b'/else', b'OLDPWD': b'/old', b'SHLVL': b'7', b'\xff\xfe': b'\xc3\x28', b'_': b'', b'LAYERHOOK': b'$(id)'}`,
    ['/bin/cat', '/proc/self/environ'],
  ));

test('an environment of 250 kB is passed on', async (t) => {
  const prepare = "env.update({b'V%d' % i: b'x' * 50000 for i in range(5)})";
  const outputs = await both(t, prepare, ['/bin/cat', '/proc/self/environ']);
  if (outputs === undefined) return;
  const variables = (text: string) =>
    text
      .split('\0')
      .filter((entry) => /^(V\d|PATH)=/.test(entry))
      .sort();
  t.deepEqual(variables(outputs.wrapped), variables(outputs.direct));
  t.false(outputs.wrapped.includes('LAYERHOOK_'));
});

test('the command line, byte for byte', (t) =>
  same(
    t,
    String.raw`sys.argv.append(b'-n\xff \n"' + "'".encode() + b'$x')
sys.argv.append(b'')`,
    ['/bin/echo', 'create-not', '%s'],
  ));

test('the working directory', (t) =>
  same(t, "os.chdir('/usr/share')", ['/usr/bin/readlink', '/proc/self/cwd']));

const ownFiles = `
for fd in range(3, 256):
  try: os.close(fd)
  except OSError: pass
`;

test('descriptors 0 to 2 and those that the engine passed on, no other', async (t) => {
  const prepare = `${ownFiles}
for fd in (3, 9, 17, 40): os.dup2(os.open('/etc/passwd', os.O_RDONLY), fd)
r, w = os.pipe()
for fd in (r, w): os.set_inheritable(fd, True)
for fd in (4, 5): os.set_inheritable(fd, False)`;
  const outputs = await both(t, prepare, ['/bin/ls', '/proc/self/fd']);
  t.is(outputs?.wrapped, outputs?.direct);
});

test('only descriptors 0 to 2', (t) => same(t, ownFiles, ['/bin/ls', '/proc/self/fd']));

test('flags of the descriptors: pipes stay blocking', (t) =>
  same(t, '', ['/bin/grep', '^flags', '/proc/self/fdinfo/0', '/proc/self/fdinfo/1', '/proc/self/fdinfo/2']));

test('flags of the descriptors: pipes stay non-blocking', (t) =>
  same(t, 'for fd in (1, 2): os.set_blocking(fd, False)', [
    '/bin/grep',
    '^flags',
    '/proc/self/fdinfo/1',
    '/proc/self/fdinfo/2',
  ]));

test('the pid and the parent stay', async (t) => {
  const { flags } = setUp(t);
  const child = spawn(launcher, [...flags('/bin/sh'), '-c', 'echo $$ $PPID'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks = await child.stdout.toArray();
  t.is(Buffer.concat(chunks).toString().trim(), `${child.pid} ${process.pid}`);
});

test("the exit status is the runtime's", async (t) => {
  const { flags } = setUp(t);
  const { status: code } = await run(launcher, [...flags('/bin/sh'), '-c', 'exit 37']);
  t.is(code, 37);
});

test('signals reach the runtime', async (t) => {
  const { flags } = setUp(t);
  const script = 'trap "echo got TERM; exit 5" TERM; echo ready; while :; do sleep 0.05; done';
  const child = spawn(launcher, [...flags('/bin/sh'), '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (output === 'ready\n') child.kill('SIGTERM');
  }
  t.is(output, 'ready\ngot TERM\n');
});

test('the launcher works through a symlink, as npm links it, and without an environment', async (t) => {
  if (!requires(t, 'python3')) return;
  const { dir, flags } = setUp(t);
  mkdirSync(join(dir, 'bin'));
  symlinkSync(launcher, join(dir, 'bin/layerhook-runtime'));
  const path = `env = {b'PATH': b'${join(process.execPath, '..')}:/usr/bin:/bin'}`;
  const {
    stdout,
    stderr,
    status: code,
  } = await after(path, [join(dir, 'bin/layerhook-runtime'), ...flags('echo'), 'hello']);
  t.is(`${stdout}${stderr}`, 'hello\n');
  t.is(code, 0);
});

for (const argv of [
  status,
  ['/bin/cat', '/proc/self/environ', '/proc/self/limits'],
  ['/bin/ls', '/proc/self/fd'],
]) {
  test(`with bash as /bin/sh: ${argv.join(' ')}`, async (t) => {
    if (!requires(t, 'python3', 'bash')) return;
    const prepare = `${ownFiles}
os.dup2(os.open('/etc/passwd', os.O_RDONLY), 7)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
signal.signal(signal.SIGHUP, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 4000))
env[b'A.B'] = b'1'`;
    const [program, ...args] = argv;
    const direct = await after(prepare, argv);
    const bash = ['/bin/bash', '--posix', launcher, ...setUp(t).flags(program!), ...args];
    t.deepEqual(await after(prepare, bash), direct);
    t.is(direct.status, 0);
  });
}
