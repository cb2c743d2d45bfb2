/** Which low-level runtime an engine's configuration gives, and that its entry reaches that runtime. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { engines } from '../../src/ctk/engines.js';
import type { EngineName } from '../../src/ctk/types.js';
import { parseToml, tableAt } from '../../src/text/toml-edit.js';
import { type Finished, layerhook, run, succeed } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';
import { launcher } from '../hooks/wrapper.js';

const fail = (reason: string) => new Error(reason);
const crioRuntime = (name: string, path: string) =>
  `[crio.runtime.runtimes.${name}]\nruntime_path = "${path}"\nruntime_root = "/run/${name}"\n`;
const cri = 'plugins."io.containerd.grpc.v1.cri".containerd';
const containerdRuntime = (name: string, type: string, binary = '') =>
  `[${cri}.runtimes.${name}]\nruntime_type = "${type}"\n[${cri}.runtimes.${name}.options]\n${binary && `BinaryName = "${binary}"\n`}`;

/** A runtime that prints its name and its arguments. */
function runtime(file: string, script = 'echo "$0" called with "$@"'): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

interface Engine {
  file: string;
  configure(...more: string[]): Promise<Finished>;
  /** the default runtime as the engine reads it: program and arguments */
  entry(): string[];
  text(): string;
}

function engineOf(t: ExecutionContext, engine: EngineName, text: string, dir = tmpdir(t)): Engine {
  const file = join(dir, 'config');
  writeFileSync(file, text);
  const whole = () => engines[engine].inherited(file, readFileSync(file, 'utf8'));
  const target = ['--runtime', engine, '--config-file', file, '--path', launcher];
  return {
    file,
    configure: (...more) => layerhook(['ctk', 'runtime', 'configure', ...target, '--default', ...more]),
    entry() {
      const { path = '', args = [] } = engines[engine].read(whole()).runtimes.get('layerhook') ?? {};
      return [path, ...args];
    },
    text: whole,
  };
}

/** What the engine would get from its new default runtime, if its PATH has nothing. */
async function answer(t: ExecutionContext, { entry }: Engine): Promise<string> {
  const path = `PATH=${dirname(process.execPath)}:/usr/bin:/bin`;
  return (await succeed(t, run('env', ['-i', path, ...entry(), 'state', 'x']))).trim();
}

test('CRI-O: the default runtime of crio.conf.d, outside of PATH', async (t) => {
  const dir = tmpdir(t);
  const crun = runtime(join(dir, 'libexec/crun'));
  const runc = runtime(join(dir, 'libexec/runc'));
  const engine = engineOf(t, 'crio', '', dir);
  mkdirSync(`${engine.file}.d`);
  const settings = `[crio.runtime]\ndefault_runtime = "crun"\n${crioRuntime('crun', crun)}${crioRuntime('runc', runc)}`;
  writeFileSync(join(`${engine.file}.d`, '10-crio.conf'), settings);
  const { stderr } = await engine.configure('--drop-in');
  t.true(
    stderr.includes(`use the low-level runtime ${crun} (crun); containers of crun, runc get no hooks`),
    stderr,
  );
  t.is(await answer(t, engine), `${crun} called with state x`);
  t.is((await engine.configure('--drop-in')).stderr, stderr);
  const status = () => layerhook(['ctk', 'status', '--runtime', 'crio', '--config-file', engine.file]);
  t.true(
    (await status()).stdout.startsWith(`crio        ${launcher}, then ${crun}, in ${engine.file}; default`),
  );
  rmSync(crun);
  t.true((await status()).stdout.includes(`then ${crun} (missing)`));
  await succeed(
    t,
    layerhook(['ctk', 'runtime', 'unconfigure', '--runtime', 'crio', '--config-file', engine.file]),
  );
  t.deepEqual(readdirSync(dir).sort(), ['config', 'config.d', 'libexec']);
  t.deepEqual(readdirSync(`${engine.file}.d`), ['10-crio.conf']);
});

test('CRI-O: later files count, also below a directory, and replace the whole runtime', async (t) => {
  const dir = tmpdir(t);
  const [first, last] = ['a/crun', 'b/crun'].map((name) => runtime(join(dir, name))) as [string, string];
  const engine = engineOf(
    t,
    'crio',
    `[crio.runtime]\ndefault_runtime = "crun"\n${crioRuntime('crun', first)}`,
    dir,
  );
  mkdirSync(join(`${engine.file}.d`, '20-more'), { recursive: true });
  writeFileSync(
    join(`${engine.file}.d`, '20-more/x'),
    `[crio.runtime.runtimes.crun]\nruntime_path = "${last}"\n`,
  );
  await succeed(t, engine.configure('--drop-in'));
  t.is(await answer(t, engine), `${last} called with state x`);
  const table = tableAt(parseToml(engine.text(), fail), ['crio', 'runtime', 'runtimes', 'layerhook']);
  t.is(table?.runtime_root, undefined);
});

test('CRI-O: a program of its package that is found by name', async (t) => {
  const engine = engineOf(t, 'crio', '[crio.runtime]\ndefault_runtime = "true"\n');
  await succeed(t, engine.configure());
  t.regex(readFileSync(engine.entry()[0] as string, 'utf8'), /--runtime-path '\/(usr\/)?bin\/true'/);
});

test('containerd: BinaryName of the default runtime, with its settings', async (t) => {
  for (const [version, imported] of [
    [2, false],
    [2, true],
    [3, true],
  ] as const) {
    const dir = tmpdir(t);
    const nvidia = runtime(join(dir, 'opt/nvidia-container-runtime'));
    const plugin = version === 2 ? 'io.containerd.grpc.v1.cri' : 'io.containerd.cri.v1.runtime';
    const table = `plugins."${plugin}".containerd`;
    const settings = `[${table}]\ndefault_runtime_name = "nvidia"\n[${table}.runtimes.nvidia]\nruntime_type = "io.containerd.runc.v2"\n[${table}.runtimes.nvidia.options]\nBinaryName = "${nvidia}"\nRoot = "/r"\n`;
    const main = `version = ${version}\n`;
    const engine = engineOf(
      t,
      'containerd',
      imported ? `imports = ["a/*.toml"]\n${main}` : main + settings,
      dir,
    );
    if (imported) {
      mkdirSync(join(dir, 'a'));
      writeFileSync(join(dir, 'a/x.toml'), main + settings);
    }
    await succeed(t, engine.configure(...(imported ? ['--drop-in'] : [])));
    t.is(await answer(t, engine), `${nvidia} called with state x`);
    const values = tableAt(parseToml(engine.text(), fail), [
      'plugins',
      plugin,
      'containerd',
      'runtimes',
      'layerhook',
    ]);
    t.like(values, { runtime_type: 'io.containerd.runc.v2', options: { Root: '/r' } });
  }
});

test('containerd: an import of an import is read last, and would override a drop-in file', async (t) => {
  const dir = tmpdir(t);
  const engine = engineOf(t, 'containerd', 'version = 2\nimports = ["x.toml"]\n', dir);
  writeFileSync(join(dir, 'x.toml'), 'version = 2\nimports = ["y.toml", "config"]\n');
  writeFileSync(
    join(dir, 'y.toml'),
    `version = 2\n${containerdRuntime('runc', 'io.containerd.runc.v2', runtime(join(dir, 'runc')))}`,
  );
  const { stderr } = await engine.configure('--drop-in');
  t.regex(stderr, /a file that the engine reads later would override the addition/);
});

for (const [title, type] of [
  ['kata', 'io.containerd.kata.v2'],
  ['gVisor', 'io.containerd.runsc.v1'],
  ['a shim by its path', '/opt/kata/bin/containerd-shim-kata-v2'],
] as const) {
  test(`containerd: a default of ${title} is not copied, and its containers get no hooks`, async (t) => {
    const dir = tmpdir(t);
    const runc = runtime(join(dir, 'runc'));
    const text = `version = 2\n[${cri}]\ndefault_runtime_name = "sandbox"\n${containerdRuntime('sandbox', type)}${containerdRuntime('runc', 'io.containerd.runc.v2', runc)}`;
    const engine = engineOf(t, 'containerd', text, dir);
    const { status, stderr } = await engine.configure();
    t.is(status, 0, stderr);
    t.true(stderr.includes(`${runc} (runc); containers of sandbox, runc get no hooks`), stderr);
    t.true(stderr.includes(`the default runtime was sandbox (${type}), which layerhook-runtime cannot call`));
    const values = tableAt(parseToml(engine.text(), fail), [
      'plugins',
      'io.containerd.grpc.v1.cri',
      'containerd',
      'runtimes',
      'layerhook',
    ]);
    t.is(values?.runtime_type, 'io.containerd.runc.v2');
    t.is(await answer(t, engine), `${runc} called with state x`);
  });
}

test('CRI-O: a default of kata is not copied', async (t) => {
  const dir = tmpdir(t);
  const crun = runtime(join(dir, 'crun'));
  const kata = `[crio.runtime.runtimes.kata]\nruntime_path = "/opt/kata/shim"\nruntime_type = "vm"\nruntime_root = "/run/vc"\n`;
  const engine = engineOf(
    t,
    'crio',
    `[crio.runtime]\ndefault_runtime = "kata"\n${kata}${crioRuntime('crun', crun)}`,
    dir,
  );
  t.regex((await engine.configure()).stderr, /the default runtime was kata \(vm\)/);
  const table = tableAt(parseToml(engine.text(), fail), ['crio', 'runtime', 'runtimes', 'layerhook']);
  t.like(table, { runtime_type: 'oci', runtime_root: '/run/crun' });
  t.is(await answer(t, engine), `${crun} called with state x`);
});

test('docker: path and arguments of the default runtime', async (t) => {
  const dir = tmpdir(t);
  const crun = runtime(join(dir, 'crun'));
  const runtimes = {
    crun: { path: crun, runtimeArgs: ['--cgroup-manager', 'systemd'] },
    kata: { runtimeType: 'io.containerd.kata.v2' },
  };
  const engine = engineOf(t, 'docker', JSON.stringify({ 'default-runtime': 'crun', runtimes }), dir);
  await succeed(t, engine.configure());
  t.is(await answer(t, engine), `${crun} called with --cgroup-manager systemd state x`);
  const sandbox = engineOf(t, 'docker', JSON.stringify({ 'default-runtime': 'kata', runtimes }));
  await succeed(t, sandbox.configure());
  t.is(await answer(t, sandbox), `${crun} called with --cgroup-manager systemd state x`);
});

test('a low-level runtime that cannot be executed is refused, and nothing is written', async (t) => {
  const dir = tmpdir(t);
  const plain = join(dir, 'plain');
  writeFileSync(plain, '#!/bin/sh\n');
  for (const [path, reason] of [
    [join(dir, 'missing'), 'is not an executable file'],
    [plain, 'is not an executable file'],
    [dir, 'is not an executable file'],
    ['no-such-runtime', 'is not on PATH'],
    [runtime(join(dir, 'no-interpreter')), 'ENOENT'],
    [runtime(join(dir, 'broken'), 'echo missing libseccomp >&2; exit 127'), 'missing libseccomp'],
  ] as const) {
    if (path.endsWith('no-interpreter')) writeFileSync(path, '#!/no/such/shell\n');
    for (const [engine, text] of [
      ['docker', JSON.stringify({ 'default-runtime': 'x', runtimes: { x: { path } } })],
      [
        'containerd',
        `version = 2\n[${cri}]\ndefault_runtime_name = "x"\n${containerdRuntime('x', 'io.containerd.runc.v2', path)}`,
      ],
      ['crio', `[crio.runtime]\ndefault_runtime = "x"\n${crioRuntime('x', path)}`],
    ] as const) {
      const { file, configure } = engineOf(t, engine, text);
      const { status, stderr } = await configure();
      t.is(status, 9, stderr);
      t.is(stderr.trim().split('\n').length, 1, stderr);
      t.true(
        stderr.includes(`${file} was left unchanged: its runtime x cannot be executed: ${path}`),
        stderr,
      );
      t.true(stderr.includes(reason), stderr);
      t.deepEqual(readdirSync(dirname(file)), ['config']);
      t.is(readFileSync(file, 'utf8'), text);
    }
  }
});

test('--runtime-path names another low-level runtime', async (t) => {
  const dir = tmpdir(t);
  const mine = runtime(join(dir, "it's mine"));
  for (const engine of ['docker', 'containerd', 'crio'] as const) {
    const one = engineOf(t, engine, '');
    await succeed(t, one.configure('--runtime-path', mine));
    t.is(await answer(t, one), `${mine} called with state x`);
    t.regex((await one.configure('--runtime-path', launcher)).stderr, /layerhook-runtime itself cannot be/);
  }
});

test('configured again with another program, the former default runtime stays the low-level one', async (t) => {
  const dir = tmpdir(t);
  const crun = runtime(join(dir, 'crun'));
  const runc = runtime(join(dir, 'runc'));
  const text = `[crio.runtime]\ndefault_runtime = "crun"\n${crioRuntime('runc', runc)}${crioRuntime('crun', crun)}`;
  const engine = engineOf(t, 'crio', text, dir);
  await succeed(t, engine.configure('--path', '/bin/echo'));
  t.is(engine.entry()[0], '/bin/echo');
  t.false(existsSync(`${engine.file}.layerhook-runtime`));
  await succeed(t, engine.configure());
  t.is(await answer(t, engine), `${crun} called with state x`);
  // a second runtime of ours is not put on top of the first
  await succeed(t, engine.configure('--name', 'second'));
  t.true(readFileSync(`${engine.file}.second-runtime`, 'utf8').includes(`'${runc}'`));
});
