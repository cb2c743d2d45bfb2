import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { planConfigure, planUnconfigure } from '../../src/ctk/configure.js';
import { engines } from '../../src/ctk/engines.js';
import { applyChanges } from '../../src/ctk/files.js';
import { launcherFile } from '../../src/ctk/launcher.js';
import type { EngineName } from '../../src/ctk/types.js';
import { parseToml, tableAt } from '../../src/text/toml-edit.js';
import { tmpdir } from '../helpers/tmp.js';

const path = '/usr/local/bin/layerhook-runtime';
const name = 'layerhook';
/** The low-level runtime of these tests. */
const runtimePath = '/bin/true';

/** Returns the program that the engine calls. */
const entry = (engine: EngineName, file: string) => (engine === 'docker' ? path : launcherFile(file, name));

/** Configurations as people have them, and what their default runtime is. */
const samples: [EngineName, title: string, text: string, formerDefault: string | undefined][] = [
  ['docker', 'one line', '{"log-level": "info"}', undefined],
  ['docker', 'empty', '{}\n', undefined],
  ['docker', 'no runtimes', '{\n  "debug": true,\n  "dns": ["1.1.1.1"]\n}\n', undefined],
  [
    'docker',
    'another runtime',
    '{\n\t"default-runtime": "crun",\n\t"runtimes": {\n\t\t"crun": { "path": "/usr/bin/crun" }\n\t},\n\t"big": 12345678901234567890\n}',
    'crun',
  ],
  ['containerd', 'version 1', '[plugins.cri]\n  sandbox_image = "pause" # pinned\n', undefined],
  [
    'containerd',
    'version 1 with runc',
    '[plugins.cri.containerd]\n  default_runtime_name = "runc"\n[plugins.cri.containerd.runtimes.runc]\n  runtime_type = "io.containerd.runtime.v1.linux"\n  runtime_root = "/r"\n',
    'runc',
  ],
  ['containerd', 'version 2, nothing else', 'version = 2', undefined],
  [
    'containerd',
    'version 2 as containerd prints it',
    `version = 2
# imports are off
imports = []

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".containerd]
      default_runtime_name = "crun" # ours
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"
          pod_annotations = ["a"]
          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
            Root = "/run/r"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
          runtime_type = "io.containerd.runc.v2"
          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
            BinaryName = "crun"
            SystemdCgroup = true

[timeouts]
  "io.containerd.timeout.shim.load" = "5s"`,
    'crun',
  ],
  [
    'containerd',
    'version 3',
    `version = 3\n\n[plugins.'io.containerd.cri.v1.runtime']\n  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n    runtime_type = 'io.containerd.runc.v2'\n    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n      SystemdCgroup = true # yes\n`,
    undefined,
  ],
  ['crio', 'empty', '', undefined],
  [
    'crio',
    'with runc and crun',
    '# CRI-O\n[crio]\n[crio.runtime]\ndefault_runtime = "crun" # default\n\n[crio.runtime.runtimes.crun]\nruntime_path = "/usr/bin/crun"\n\n[crio.runtime.runtimes.runc]\nruntime_path = "/usr/bin/runc"\nruntime_root = "/run/runc"\nallowed_annotations = ["io.x"]\n',
    'crun',
  ],
];

for (const [engine, title, text, formerDefault] of samples) {
  test(`${engine}, ${title}: configured, once, and unconfigured byte for byte`, (t) => {
    const file = write(t, text);
    const format = engines[engine];
    for (const isDefault of [false, true]) {
      configure({ engine, file, isDefault });
      const { runtimes, defaultRuntime } = format.read(read(file));
      t.is(runtimes.get(name)?.path, entry(engine, file));
      t.is(defaultRuntime, isDefault ? name : formerDefault);
      for (const [other, found] of format.read(text).runtimes) t.deepEqual(runtimes.get(other), found);
      t.deepEqual(
        planConfigure({ engine, file, isDefault, name, path, runtimePath, dropIn: false }).changes,
        [],
      );
    }
    applyChanges(planUnconfigure({ engine, file, name }));
    t.is(read(file), text);
    t.deepEqual(readdirSync(join(file, '..')), ['config']);
    t.deepEqual(planUnconfigure({ engine, file, name }), []);
  });

  test(`${engine}, ${title}: unconfigured after another edit`, (t) => {
    const file = write(t, text);
    const format = engines[engine];
    configure({ engine, file, isDefault: true });
    configure({ engine, file, isDefault: false, name: 'other', path: '/bin/other' });
    applyChanges(planUnconfigure({ engine, file, name }));
    const { runtimes, defaultRuntime } = format.read(read(file));
    const before = [...format.read(text).runtimes.keys()];
    // containerd's own runc must be named beside another runtime
    const builtIn = engine === 'containerd' && before.length === 0 ? ['runc'] : [];
    t.deepEqual([...runtimes.keys()].sort(), [...before, ...builtIn, 'other'].sort());
    t.is(defaultRuntime, formerDefault);
    t.false(read(file).replaceAll(join(file, '..'), '').includes(name));
  });
}

for (const engine of ['docker', 'containerd', 'crio'] as const) {
  test(`${engine}: a new configuration file is created, and removed again`, (t) => {
    const file = join(tmpdir(t), 'etc', 'config');
    configure({ engine, file, isDefault: true });
    t.is(engines[engine].read(read(file)).defaultRuntime, name);
    applyChanges(planUnconfigure({ engine, file, name }));
    t.deepEqual(readdirSync(join(file, '..')), []);
  });

  test(`${engine}: a malformed file stays unchanged`, (t) => {
    const file = write(t, '{ "a": [1, \n[x');
    for (const plan of [
      () => planConfigure({ engine, file, name, path, runtimePath, isDefault: true, dropIn: false }),
      () => planUnconfigure({ engine, file, name }),
    ]) {
      const error = t.throws(plan, { name: 'LayerhookError' });
      t.true(error.message.startsWith(`${file} was left unchanged: `));
    }
    t.is(read(file), '{ "a": [1, \n[x');
  });

  test(`${engine}: mode, owner and symlink of the file stay`, (t) => {
    const file = write(t, '');
    const link = join(file, '../link');
    symlinkSync('config', link);
    chmodSync(file, 0o666);
    if (process.getuid!() === 0) chownSync(file, 1234, 5678);
    const { mode, uid, gid } = statSync(file);
    configure({ engine, file: link, isDefault: true });
    t.is(readlinkSync(link), 'config');
    t.like(statSync(file), { mode, uid, gid });
    t.is(engines[engine].read(read(file)).defaultRuntime, name);
  });
}

test('containerd: the new runtime is a copy of the default runtime', (t) => {
  const [engine, , text] = samples.find(([, title]) => title === 'version 2 as containerd prints it')!;
  const file = write(t, text);
  configure({ engine, file, isDefault: false });
  const values = parseToml(read(file), (reason) => new Error(reason));
  t.deepEqual(tableAt(values, ['plugins', 'io.containerd.grpc.v1.cri', 'containerd', 'runtimes', name]), {
    runtime_type: 'io.containerd.runc.v2',
    options: { SystemdCgroup: true, BinaryName: entry('containerd', file) },
  });
  t.true(read(file).includes('default_runtime_name = "crun" # ours\n'));
});

test('containerd: the shim of version 1 gets its own option', (t) => {
  const [engine, , text] = samples.find(([, title]) => title === 'version 1 with runc')!;
  const file = write(t, text);
  configure({ engine, file, isDefault: false });
  const values = parseToml(read(file), (reason) => new Error(reason));
  const options = tableAt(values, ['plugins', 'cri', 'containerd', 'runtimes', name, 'options']);
  t.deepEqual(options, { BinaryName: entry('containerd', file), Runtime: entry('containerd', file) });
});

test('containerd: an unknown version is refused', (t) => {
  const file = write(t, 'version = 9\n');
  t.throws(
    () =>
      planConfigure({ engine: 'containerd', file, name, path, runtimePath, isDefault: false, dropIn: false }),
    {
      message: /its version is 9, but only 1, 2, 3, 4 are supported/,
    },
  );
});

test('containerd: a layout that cannot be added to is refused', (t) => {
  const text = 'version = 2\nplugins = { "io.containerd.grpc.v1.cri" = { sandbox_image = "x" } }\n';
  const file = write(t, text);
  t.throws(
    () =>
      planConfigure({ engine: 'containerd', file, name, path, runtimePath, isDefault: false, dropIn: false }),
    {
      message: /its layout does not allow it/,
    },
  );
  t.is(read(file), text);
});

test('containerd before 2: a drop-in has all of the section that it takes the place of', (t) => {
  const text = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "mine"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
`;
  const file = write(t, text);
  const conf = join(file, '../conf.d');
  mkdirSync(conf);
  // another tool's file, which is read before ours: its settings must stay in force
  const other = '[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "theirs"\n';
  writeFileSync(join(conf, '99-nvidia.toml'), `version = 2\n${other}`);
  const withImports = `imports = ["conf.d/*.toml"]\n${text}`;
  writeFileSync(file, withImports);
  configure({ engine: 'containerd', file, isDefault: true, dropIn: true });
  t.is(read(file), withImports);
  const dropIn = join(conf, 'zz-layerhook.toml');
  const values = parseToml(read(dropIn), (reason) => new Error(reason));
  t.deepEqual(tableAt(values, ['plugins', 'io.containerd.grpc.v1.cri']), {
    sandbox_image: 'theirs',
    containerd: {
      default_runtime_name: name,
      runtimes: {
        runc: { runtime_type: 'io.containerd.runc.v2' },
        layerhook: {
          runtime_type: 'io.containerd.runc.v2',
          options: { BinaryName: entry('containerd', file) },
        },
      },
    },
  });
  t.deepEqual(
    planConfigure({ engine: 'containerd', file, name, path, runtimePath, isDefault: true, dropIn: true })
      .changes,
    [],
  );
  applyChanges(planUnconfigure({ engine: 'containerd', file, name }));
  t.deepEqual([existsSync(dropIn), read(file)], [false, withImports]);
});

test('containerd 2: a drop-in has only the new runtime, and the configuration is made to read it', (t) => {
  const [engine, , text] = samples.find(([, title]) => title === 'version 3')!;
  const file = write(t, text);
  configure({ engine, file, isDefault: false, dropIn: true });
  const dropIn = join(file, '../conf.d/zz-layerhook.toml');
  t.is(read(file), text.replace('version', `imports = [ "${join(file, '../conf.d/*.toml')}" ]\nversion`));
  const values = parseToml(read(dropIn), (reason) => new Error(reason));
  t.deepEqual(values, {
    version: 3,
    plugins: {
      'io.containerd.cri.v1.runtime': {
        containerd: {
          runtimes: {
            layerhook: {
              runtime_type: 'io.containerd.runc.v2',
              options: { SystemdCgroup: true, BinaryName: entry('containerd', file) },
            },
          },
        },
      },
    },
  });
  applyChanges(planUnconfigure({ engine, file, name }));
  t.deepEqual([existsSync(dropIn), read(file)], [false, text]);
});

test('CRI-O: a drop-in copies what other files of crio.conf.d say', (t) => {
  const file = write(t, '[crio.runtime]\n');
  const conf = `${file}.d`;
  mkdirSync(conf);
  writeFileSync(
    join(conf, '10-crun.conf'),
    '[crio.runtime]\ndefault_runtime = "crun"\n[crio.runtime.runtimes.crun]\nruntime_root = "/run/crun"\n',
  );
  configure({ engine: 'crio', file, isDefault: true, dropIn: true });
  const values = parseToml(read(join(conf, 'zz-layerhook.conf')), (reason) => new Error(reason));
  t.deepEqual(tableAt(values, ['crio', 'runtime']), {
    default_runtime: name,
    runtimes: {
      layerhook: { runtime_root: '/run/crun', runtime_path: entry('crio', file), runtime_type: 'oci' },
    },
  });
  t.is(read(file), '[crio.runtime]\n');
  applyChanges(planUnconfigure({ engine: 'crio', file, name }));
  t.deepEqual(readdirSync(conf), ['10-crun.conf']);
});

test('docker has no drop-in files', (t) => {
  const file = write(t, '{}');
  t.throws(
    () => planConfigure({ engine: 'docker', file, name, path, runtimePath, isDefault: false, dropIn: true }),
    {
      message: /docker does not read drop-in files/,
    },
  );
});

interface Asked {
  engine: EngineName;
  file: string;
  isDefault: boolean;
  dropIn?: boolean;
  name?: string;
  path?: string;
}

function configure(asked: Asked): void {
  applyChanges(planConfigure({ name, path, runtimePath, dropIn: false, ...asked }).changes);
}

function write(t: ExecutionContext, text: string): string {
  const file = join(tmpdir(t), 'config');
  writeFileSync(file, text);
  return file;
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}
