import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { run } from '../helpers/cli.js';
import { errorLine } from '../helpers/error-line.js';
import { requires } from '../helpers/requires.js';
import { launcher, setUp } from './wrapper.js';

const poststop = (text: string) =>
  (JSON.parse(text) as { hooks?: { poststop?: { path: string }[] } }).hooks?.poststop?.map(
    ({ path }) => path,
  );

for (const [title, args] of [
  ['--bundle', ['create', '--bundle', 'BUNDLE', 'id']],
  ['--bundle=', ['--root', '/r', 'run', '--bundle=BUNDLE', 'id']],
  ['-b', ['create', '-b', 'BUNDLE', 'id']],
] as const) {
  test(`as oci-add-hooks: hooks are added and the rest is passed on; ${title}`, async (t) => {
    const { bundle, configFile, flags } = setUp(t);
    const passed = args.map((arg) => arg.replace('BUNDLE', bundle));
    const { stdout, stderr } = await run(launcher, [...flags('echo'), ...passed]);
    t.is(stderr, '');
    t.is(stdout, `${passed.join(' ')}\n`);
    t.deepEqual(poststop(readFileSync(configFile, 'utf8')), ['/bin/true']);
    t.deepEqual(readdirSync(bundle), ['config.json']);
  });
}

test('the working directory is the bundle by default', async (t) => {
  const { bundle, configFile, flags } = setUp(t);
  await run(launcher, [...flags('true'), 'create', 'id'], { cwd: bundle });
  t.deepEqual(poststop(readFileSync(configFile, 'utf8')), ['/bin/true']);
});

for (const command of ['start', 'state', 'delete', 'kill', 'exec']) {
  test(`${command} changes nothing, and needs no hooks`, async (t) => {
    const { bundle, configFile, flags, hooksFile } = setUp(t);
    writeFileSync(hooksFile, 'broken');
    const before = readFileSync(configFile);
    const { status } = await run(launcher, [...flags('true'), command, 'id'], { cwd: bundle });
    t.is(status, 0);
    t.deepEqual(readFileSync(configFile), before);
  });
}

test('mode and owner of config.json stay, and it is not rewritten without a hook to add', async (t) => {
  const { bundle, configFile, flags } = setUp(t);
  chmodSync(configFile, 0o640);
  if (process.getuid!() === 0) chownSync(configFile, 1234, 5678);
  const before = statSync(configFile);
  await run(launcher, [...flags('true'), 'create', '--bundle', bundle, 'id']);
  const once = statSync(configFile);
  t.not(once.ino, before.ino);
  t.deepEqual([once.mode, once.uid, once.gid], [before.mode, before.uid, before.gid]);
  await run(launcher, [...flags('true'), 'create', '--bundle', bundle, 'id']);
  const twice = statSync(configFile, { bigint: true });
  t.deepEqual([Number(twice.ino), twice.mtimeNs], [once.ino, statSync(configFile, { bigint: true }).mtimeNs]);
  t.deepEqual(poststop(readFileSync(configFile, 'utf8')), ['/bin/true']);
});

test('a config.json that is a symlink stays one', async (t) => {
  const { dir, bundle, flags, configFile } = setUp(t);
  const other = join(dir, 'other');
  mkdirSync(other);
  symlinkSync('../bundle/config.json', join(other, 'config.json'));
  await run(launcher, [...flags('true'), 'create', '--bundle', other, 'id']);
  t.deepEqual(poststop(readFileSync(configFile, 'utf8')), ['/bin/true']);
  t.deepEqual([readdirSync(bundle), readdirSync(other)], [['config.json'], ['config.json']]);
});

for (const [title, hooks, reason] of [
  ['a broken hooks file', '{"poststop": [', /cannot use the hooks of .*hooks\.json: it is not JSON/],
  ['a hook without path', { poststop: [{}] }, /poststop\[0\] lacks a path/],
] as const) {
  test(`${title} fails the container, on stderr and in the log of the engine`, async (t) => {
    const { dir, bundle, flags, configFile } = setUp(t, hooks);
    const before = readFileSync(configFile);
    const log = join(dir, 'log.json');
    const engine = ['--log', log, '--log-format', 'json', 'create', '--bundle', bundle, 'id'];
    const { status, stdout, stderr } = await run(launcher, [...flags('echo'), ...engine]);
    t.is(status, 1);
    t.is(stdout, '');
    t.regex(stderr, /^layerhook-runtime: [^\n]+\n$/);
    t.regex(stderr, reason);
    t.regex(stderr, errorLine('RUNTIME_HOOKS'));
    const line = JSON.parse(readFileSync(log, 'utf8')) as Record<string, string>;
    t.is(line.level, 'error');
    t.regex(line.msg!, reason);
    t.false(Number.isNaN(Date.parse(line.time!)));
    t.deepEqual(readFileSync(configFile), before);
  });
}

test('the log has text lines by default, as runc writes them', async (t) => {
  const { dir, bundle, flags } = setUp(t, 'broken "hooks"');
  const log = join(dir, 'log');
  await run(launcher, [...flags('true'), '--log', log, 'create', '--bundle', bundle, 'id']);
  t.regex(readFileSync(log, 'utf8'), /^time="[^"]+Z" level=error msg="cannot use the hooks of .*"\n$/);
});

test('a bundle without config.json fails the container', async (t) => {
  const { dir, flags } = setUp(t);
  const { status, stderr } = await run(launcher, [...flags('true'), 'create', '--bundle', dir, 'id']);
  t.is(status, 1);
  t.regex(stderr, errorLine('RUNTIME_SPEC'));
  t.regex(stderr, /cannot add hooks to .*config\.json: it does not exist/);
});

test('a missing runtime fails every command', async (t) => {
  const { flags } = setUp(t);
  for (const runtime of ['no-such-runtime', '/nonexistent/runc', '/etc/passwd', '/']) {
    const { status, stderr } = await run(launcher, [...flags(runtime), 'state', 'id']);
    t.is(status, 1);
    t.regex(stderr, errorLine('RUNTIME_NOT_FOUND'));
    t.regex(
      stderr,
      /^layerhook-runtime: no OCI runtime found: .* (is not on PATH|is not an executable file) /,
    );
  }
});

test('the launcher never becomes itself', async (t) => {
  const { dir, flags } = setUp(t);
  symlinkSync(launcher, join(dir, 'runc'));
  const { status, stderr } = await run(launcher, [...flags(join(dir, 'runc')), 'state', 'id']);
  t.is(status, 1);
  t.regex(stderr, /runc is layerhook-runtime itself/);
});

test('a program that cannot be run is named', async (t) => {
  const { dir, flags } = setUp(t);
  const file = join(dir, 'runtime');
  writeFileSync(file, '#!/nonexistent/interpreter\n', { mode: 0o755 });
  const { status, stderr } = await run(launcher, [...flags(file), 'state', 'id']);
  t.is(status, 1);
  t.regex(stderr, errorLine('RUNTIME_EXEC'));
  t.regex(stderr, /cannot run .*\/runtime: no such file or directory \(ENOENT\)/);
});

test('--version says both versions', async (t) => {
  const { flags } = setUp(t);
  const { stdout } = await run(launcher, [...flags('echo'), '--version']);
  t.regex(stdout, /^layerhook-runtime version \d+\.\d+\.\d+\necho \(GNU coreutils\)/);
});

test('runtime.toml names hooks, runtimes, order and log', async (t) => {
  const { dir, bundle, configFile, hooksFile } = setUp(t);
  writeFileSync(configFile, '{"hooks":{"poststop":[{"path":"/old"}]}}');
  const toml = join(dir, 'runtime.toml');
  const log = join(dir, 'own.log');
  writeFileSync(
    toml,
    `hooks = ["${hooksFile}"]\nruntimes = ["no-such-runtime", "echo"]\norder = "after"\nlog = "${log}"\nlog-level = "debug"\n`,
  );
  const options = { env: { LAYERHOOK_RUNTIME_CONFIG: toml } };
  const { stdout, stderr } = await run(launcher, ['create', '--bundle', bundle, 'id'], options);
  t.deepEqual([stdout, stderr], [`create --bundle ${bundle} id\n`, '']);
  t.deepEqual(poststop(readFileSync(configFile, 'utf8')), ['/old', '/bin/true']);
  t.regex(readFileSync(log, 'utf8'), /level=info msg="added hooks of .*hooks\.json to .*config\.json"/);
});

test('a directory of hooks gives a container those whose conditions it meets', async (t) => {
  const { dir, bundle, configFile } = setUp(t);
  const directory = join(dir, 'hooks.d');
  mkdirSync(directory);
  const write = (name: string, when: object) =>
    writeFileSync(
      join(directory, name),
      JSON.stringify({
        version: '1.0.0',
        hook: { path: '/bin/true', args: [name] },
        when,
        stages: ['poststop'],
      }),
    );
  write('yes.json', { commands: ['^sh$'] });
  write('no.json', { annotations: { a: 'b' } });
  await run(launcher, [
    '--hook-config-path',
    directory,
    '--runtime-path',
    'true',
    'create',
    '-b',
    bundle,
    'id',
  ]);
  const text = readFileSync(configFile, 'utf8');
  t.true(text.includes('"yes.json"'));
  t.false(text.includes('"no.json"'));
});

test('on-error = "pass-through" starts the container without broken hooks, and logs it', async (t) => {
  const { dir, bundle, configFile, hooksFile } = setUp(t, 'broken');
  const toml = join(dir, 'runtime.toml');
  writeFileSync(toml, `hooks = "${hooksFile}"\nruntimes = ["echo"]\non-error = "pass-through"\n`);
  const before = readFileSync(configFile);
  const log = join(dir, 'log.json');
  const engine = ['--log', log, '--log-format=json', 'create', '--bundle', bundle, 'id'];
  const { stdout, stderr, status } = await run(launcher, ['--layerhook-config', toml, ...engine]);
  t.deepEqual([status, stdout, stderr], [0, `${engine.join(' ')}\n`, '']);
  t.deepEqual(readFileSync(configFile), before);
  const line = JSON.parse(readFileSync(log, 'utf8')) as Record<string, string>;
  t.is(line.level, 'warning');
  t.regex(line.msg!, /cannot use the hooks of .*: it is not JSON.*; create continues without these hooks/);
});

for (const [text, reason] of [
  ['hooks = [', /runtime\.toml:\d+: not TOML/],
  ['\nhook = "x"', /runtime\.toml:2: unknown key hook \(did you mean hooks\?\)/],
  ['order = "first"', /order is "first" \(order is "before" or "after"\)/],
  ['runtimes = []', /runtimes is \[\]/],
  ['log = 3', /log is 3/],
] as const) {
  test(`a broken runtime.toml fails the container: ${text}`, async (t) => {
    const { dir, bundle } = setUp(t);
    const toml = join(dir, 'runtime.toml');
    writeFileSync(toml, text);
    const { status, stderr } = await run(launcher, [
      '--layerhook-config',
      toml,
      'create',
      '-b',
      bundle,
      'id',
    ]);
    t.is(status, 1);
    t.regex(stderr, reason);
  });
}

test('a runtime.toml that others may write is not used', async (t) => {
  const { dir, hooksFile } = setUp(t);
  const toml = join(dir, 'runtime.toml');
  writeFileSync(toml, `hooks = "${hooksFile}"\n`);
  chmodSync(toml, 0o666);
  const { status, stderr } = await run(launcher, ['--layerhook-config', toml, 'state', 'id']);
  t.is(status, 1);
  t.regex(stderr, /others may write .*runtime\.toml/);
});

test('no configuration at all: the container starts, with a warning', async (t) => {
  if (!requires(t, 'root', 'unshare')) return;
  const { dir, bundle, configFile } = setUp(t);
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  symlinkSync('/bin/echo', join(bin, 'runc'));
  const before = readFileSync(configFile);
  const log = join(dir, 'log.json');
  const engine = ['--log', log, '--log-format', 'json', 'create', '--bundle', bundle, 'id'];
  // an /etc of its own, without /etc/layerhook
  const script = 'mount -t tmpfs none /etc && exec "$@"';
  const options = { env: { PATH: `${bin}:${process.env.PATH}`, LAYERHOOK_RUNTIME_CONFIG: '' } };
  const { status, stdout, stderr } = await run(
    'unshare',
    ['-m', 'sh', '-c', script, 'sh', launcher, ...engine],
    options,
  );
  t.deepEqual([status, stdout, stderr], [0, `${engine.join(' ')}\n`, '']);
  t.deepEqual(readFileSync(configFile), before);
  const line = JSON.parse(readFileSync(log, 'utf8')) as Record<string, string>;
  t.is(line.level, 'warning');
  t.is(line.msg, 'no runtime.toml and no hooks: create continues without hooks');
});
