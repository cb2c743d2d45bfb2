import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { layerhook, run, succeed } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';

const read = (file: string) => readFileSync(file, 'utf8');

test('config writes settings and an empty file of hooks, once', async (t) => {
  const dir = tmpdir(t);
  const file = join(dir, 'layerhook/runtime.toml');
  const config = (...args: string[]) => layerhook(['ctk', 'config', '--config-file', file, ...args]);
  await succeed(t, config());
  const hooks = join(dir, 'layerhook/hooks.json');
  t.true(read(file).includes(`hooks = ["${hooks}"]`));
  t.deepEqual(JSON.parse(read(hooks)), { hooks: {} });
  writeFileSync(file, `# mine\n${read(file)}`);
  const before = statSync(file).mtimeMs;
  const text = read(file);
  await succeed(t, config());
  t.deepEqual([read(file), statSync(file).mtimeMs], [text, before]);
});

test('config --set changes single settings, also by the names of container-hooks-ctk', async (t) => {
  const file = join(tmpdir(t), 'runtime.toml');
  const config = (...sets: string[]) =>
    layerhook(['ctk', 'config', '--config-file', file, ...sets.flatMap((set) => ['--set', set])]);
  await succeed(t, config('order=after', 'container-hooks-runtime.log-level=debug', 'runtimes=crun,runc'));
  for (const line of [
    'order = "after"',
    'log-level = "debug"',
    'runtimes = [ "crun", "runc" ]',
    '# "before" or',
  ]) {
    t.true(read(file).includes(line), line);
  }
  const text = read(file);
  for (const [set, reason, exit] of [
    ['oder=after', /unknown setting oder \(did you mean order\?\)/, 2],
    ['order=first', /order is "first"; order is "before" or "after"/, 9],
    ['order', /--set order: missing value/, 2],
  ] as const) {
    const { status, stderr } = await config(set);
    t.is(status, exit);
    t.regex(stderr, reason);
    t.is(read(file), text);
  }
});

test('install writes a program that works with any PATH, and does not replace another', async (t) => {
  const dir = tmpdir(t);
  const settings = join(dir, "it's.toml");
  writeFileSync(settings, 'runtimes = ["echo"]\n');
  await succeed(t, layerhook(['ctk', 'install', '--prefix', dir, '--config-file', settings]));
  const program = join(dir, 'bin/layerhook-runtime');
  const finished = await run('env', ['-i', 'PATH=/nonexistent', program, 'state', 'x']);
  t.like(finished, { stdout: 'state x\n', stderr: '', status: 0 });
  const other = join(dir, 'other');
  mkdirSync(join(other, 'bin'), { recursive: true });
  writeFileSync(join(other, 'bin/layerhook-runtime'), '#!/bin/sh\n');
  const { status, stderr } = await layerhook(['ctk', 'install', '--prefix', other]);
  t.is(status, 9);
  t.regex(stderr, /another program has this name/);
});

test('--dry-run prints a diff, and writes nothing', async (t) => {
  const file = join(tmpdir(t), 'etc/config.toml');
  const ours = [
    '--runtime',
    'containerd',
    '--config-file',
    file,
    '--path',
    '/bin/true',
    '--dry-run',
    '--runtime-path',
    'true',
  ];
  const stdout = await succeed(t, layerhook(['ctk', 'runtime', 'configure', ...ours]));
  t.regex(stdout, /^--- \/dev\/null\n\+\+\+ \S+config.toml\n@@ -0,0 \+1,\d+ @@\n\+version = 2\n/m);
  t.regex(stdout, /^\+.*BinaryName = "\/bin\/true"$/m);
  t.false(existsSync(file));
});

test('status says what is configured and what is broken', async (t) => {
  const dir = tmpdir(t);
  const file = join(dir, 'daemon.json');
  const settings = join(dir, 'runtime.toml');
  writeFileSync(join(dir, 'hooks.json'), '{"poststop": [{"path": "/bin/true"}]}');
  writeFileSync(settings, `hooks = "${dir}/hooks.json"\nruntimes = ["true"]\n`);
  const docker = ['--runtime', 'docker', '--config-file', file];
  const status = () => layerhook(['ctk', 'status', ...docker, '--settings', settings]);
  t.like(await status(), { status: 0 });
  await succeed(
    t,
    layerhook([
      'ctk',
      'runtime',
      'configure',
      ...docker,
      '--path',
      '/bin/true',
      '--runtime-path',
      '/bin/true',
    ]),
  );
  const { stdout } = await status();
  t.regex(
    stdout,
    new RegExp(
      `^docker      /bin/true, in ${file}\\nsettings    ${settings}; hooks: 1; low-level runtime: /.*/true\\n$`,
    ),
  );
  writeFileSync(file, '{');
  const broken = await status();
  t.is(broken.status, 1);
  t.regex(broken.stdout, /daemon\.json: it is not JSON/);
});

test('wrong options are errors', async (t) => {
  for (const [args, reason] of [
    [['--runtime', 'rkt'], /invalid --runtime rkt: expected docker, containerd, crio/],
    [['--name', 'a b'], /invalid name of a runtime: --name a b/],
    [['--path', 'bin/x'], /--path bin\/x is not absolute/],
  ] as const) {
    const file = join(tmpdir(t), 'config');
    const { status, stderr } = await layerhook([
      'ctk',
      'runtime',
      'configure',
      '--config-file',
      file,
      ...args,
    ]);
    t.is(status, 2);
    t.regex(stderr, reason);
    t.false(existsSync(file));
  }
});
