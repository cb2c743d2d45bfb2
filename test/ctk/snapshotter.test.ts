/** What `layerhook ctk snapshotter` writes, as text. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { planConfigure, planUnconfigure } from '../../src/ctk/configure.js';
import { applyChanges } from '../../src/ctk/files.js';
import { type AddedSnapshotter, planRemoveSnapshotter, planSnapshotter } from '../../src/ctk/snapshotter.js';
import { parseToml, plain, sameToml, tableAt } from '../../src/text/toml-edit.js';
import { layerhook } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';

const name = 'layerhook';
const asked: AddedSnapshotter = {
  name,
  address: '/run/layerhook/snapshotter.sock',
  root: '/var/lib/layerhook',
  parallelUnpack: false,
  remapIds: false,
  isCriDefault: false,
  imageLabels: false,
};
const everything = {
  ...asked,
  parallelUnpack: true,
  remapIds: true,
  isCriDefault: true,
  runtimeHandler: 'stored',
  imageLabels: true,
};
const overlayfs = { platform: 'linux', snapshotter: 'overlayfs', differ: 'walking' };
const ours = { platform: 'linux', snapshotter: name, differ: 'walking' };

/** Configurations as people have them, and the tables that have the CRI's snapshotter. */
const samples: [title: string, text: string, criTables: string[][], unpacks: unknown[]][] = [
  ['version 1', '[plugins.cri.containerd]\n  snapshotter = "native" # mine\n', [['cri', 'containerd']], []],
  [
    'version 2, nothing else',
    'version = 2',
    [['io.containerd.grpc.v1.cri', 'containerd'], ['io.containerd.cri.v1.images']],
    [overlayfs, ours],
  ],
  [
    'version 2 with CRI',
    `# node 7
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "pause" # pinned
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "stargz" # so far
    disable_snapshot_annotations = true
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

[proxy_plugins.stargz]
  type = "snapshot"
  address = "/run/stargz.sock"
`,
    [['io.containerd.grpc.v1.cri', 'containerd'], ['io.containerd.cri.v1.images']],
    [overlayfs, ours],
  ],
  [
    'version 3 with entries of the transfer service',
    `version = 3
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
[plugins.'io.containerd.transfer.v1.local']
  max_concurrent_unpacks = 2 # enough
  [[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
    platform = 'linux/amd64'
    snapshotter = 'native' # not ours
[debug]
  level = 'info'
`,
    [['io.containerd.cri.v1.images']],
    [{ platform: 'linux/amd64', snapshotter: 'native' }, ours],
  ],
  [
    'version 4',
    'version = 4\n',
    [['io.containerd.cri.v1.images']],
    [overlayfs, { platform: 'linux(+erofs)', snapshotter: 'erofs', differ: 'erofs', optional: true }, ours],
  ],
];

for (const [title, text, criTables, unpacks] of samples) {
  test(`${title}: configured, once, and unconfigured byte for byte`, (t) => {
    const file = write(t, text);
    applyChanges(planSnapshotter(file, asked, false));
    const proxy = { type: 'snapshot', address: asked.address, exports: { root: asked.root } };
    t.deepEqual(plain(tableAt(values(file), ['proxy_plugins', name])), proxy);
    const { snapshotter: _, ...before } = tableAt(parse(text), ['plugins', ...criTables[0]!]) ?? {};
    const { snapshotter, ...rest } = tableAt(values(file), ['plugins', ...criTables[0]!]) ?? {};
    t.true(sameToml(rest, before) && snapshotter !== name, 'the CRI is not changed without being asked');
    t.deepEqual(unpacksOf(file), unpacks);

    applyChanges(planSnapshotter(file, everything, false));
    const exports = { root: asked.root, enable_remote_snapshot_annotations: 'true' };
    t.deepEqual(plain(tableAt(values(file), ['proxy_plugins', name])), {
      ...proxy,
      capabilities: ['rebase', 'remap-ids'],
      exports,
    });
    for (const table of criTables) t.is(tableAt(values(file), ['plugins', ...table])?.snapshotter, name);
    t.deepEqual(unpacksOf(file), unpacks);
    const handlers = Object.entries(values(file).plugins as object).flatMap(([, plugin]) => [
      tableAt(plugin, ['containerd', 'runtimes', 'stored']),
      tableAt(plugin, ['runtime_platforms', 'stored']),
    ]);
    const found = handlers.filter((each) => each !== undefined);
    t.is(found.length, title === 'version 1' ? 1 : 2);
    for (const handler of found) t.is(handler.snapshotter, name);
    for (const comment of text.match(/#.*/g) ?? []) t.true(read(file).includes(comment), comment);
    t.deepEqual(planSnapshotter(file, everything, false), []);
    applyChanges(planRemoveSnapshotter(file, name));
    t.is(read(file), text);
    t.deepEqual(readdirSync(join(file, '..')), ['config.toml']);
    t.deepEqual(planRemoveSnapshotter(file, name), []);
  });

  test(`${title}: beside our runtime, each is taken out first`, (t) => {
    for (const runtimeFirst of [true, false]) {
      const file = write(t, text);
      const runtime = { engine: 'containerd', file, name, path: '/bin/true', isDefault: true } as const;
      applyChanges(planConfigure({ ...runtime, runtimePath: '/bin/true', dropIn: false }).changes);
      applyChanges(planSnapshotter(file, everything, false));
      const plans = [() => planUnconfigure(runtime), () => planRemoveSnapshotter(file, name)];
      for (const plan of runtimeFirst ? plans : plans.reverse()) applyChanges(plan());
      t.is(read(file), text);
      t.deepEqual(readdirSync(join(file, '..')), ['config.toml']);
    }
  });

  test(`${title}: unconfigured after another edit`, (t) => {
    const file = write(t, text);
    applyChanges(planSnapshotter(file, everything, false));
    writeFileSync(file, `${read(file)}\n[proxy_plugins.other]\ntype = "content"\naddress = "/o"\n`);
    applyChanges(planRemoveSnapshotter(file, name));
    const { proxy_plugins: found, ...rest } = values(file);
    const { proxy_plugins: before, ...others } = parse(text);
    t.true(sameToml(rest, others), read(file));
    t.true(sameToml(found, { ...(before as object), other: { type: 'content', address: '/o' } }));
  });
}

test('a value that the user set meanwhile stays', (t) => {
  const file = write(t, 'version = 3\n');
  applyChanges(planSnapshotter(file, { ...asked, isCriDefault: true }, false));
  writeFileSync(file, read(file).replace('snapshotter = "layerhook"\n', 'snapshotter = "native"\n'));
  applyChanges(planRemoveSnapshotter(file, name));
  t.is(tableAt(values(file), ['plugins', 'io.containerd.cri.v1.images'])?.snapshotter, 'native');
});

test('a new file is created, and removed again', (t) => {
  const file = join(tmpdir(t), 'etc/config.toml');
  applyChanges(planSnapshotter(file, everything, false));
  t.is(values(file).version, 2);
  applyChanges(planRemoveSnapshotter(file, name));
  t.deepEqual(readdirSync(join(file, '..')), []);
});

test('a drop-in before version 3 has all of the sections that it takes the place of', (t) => {
  const text = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "mine"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  snapshotter = "native"
`;
  const file = write(t, text);
  applyChanges(planSnapshotter(file, everything, true));
  const dropIn = join(file, '../conf.d/zzz-layerhook-snapshotter.toml');
  t.is(read(file), text.replace('version', `imports = [ "${join(file, '../conf.d/*.toml')}" ]\nversion`));
  t.deepEqual(plain(values(dropIn).plugins), {
    'io.containerd.grpc.v1.cri': {
      sandbox_image: 'mine',
      containerd: {
        snapshotter: name,
        disable_snapshot_annotations: false,
        runtimes: {
          runc: { runtime_type: 'io.containerd.runc.v2' },
          stored: { runtime_type: 'io.containerd.runc.v2', snapshotter: name },
        },
      },
    },
    'io.containerd.cri.v1.images': {
      snapshotter: name,
      runtime_platforms: { stored: { snapshotter: name } },
    },
    'io.containerd.transfer.v1.local': {
      max_concurrent_unpacks: 4,
      unpack_config: [{ snapshotter: 'native' }, ours],
    },
  });
  t.deepEqual(planSnapshotter(file, everything, true), []);
  applyChanges(planRemoveSnapshotter(file, name));
  t.deepEqual([existsSync(dropIn), read(file)], [false, text]);
});

test('passwords in a configuration are not shown by copies of it', (t) => {
  const file = write(t, 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  password = "x"\n');
  chmodSync(file, 0o640);
  applyChanges(planSnapshotter(file, everything, true));
  const mode = (path: string) => statSync(path).mode & 0o777;
  t.is(mode(file), 0o640);
  t.is(mode(join(file, '../conf.d/zzz-layerhook-snapshotter.toml')), 0o640);
  t.is(mode(`${file}.layerhook-ctk`), 0o600);
});

test('a file in the way of a write is named', (t) => {
  const file = write(t, 'version = 2\nimports = ["conf.d/*.toml"]\n');
  mkdirSync(join(file, '../conf.d'));
  const other = '[plugins."io.containerd.grpc.v1.cri".containerd]\n  snapshotter = "native"\n';
  writeFileSync(join(file, '../conf.d/zzzz.toml'), `version = 2\n${other}`);
  for (const dropIn of [false, true]) {
    t.throws(() => planSnapshotter(file, everything, dropIn), {
      message: /a file that the engine reads later would override the addition/,
    });
    applyChanges(planSnapshotter(file, asked, dropIn));
    applyChanges(planRemoveSnapshotter(file, name));
  }
});

test('an unsupported configuration stays unchanged', (t) => {
  for (const [text, reason] of [
    ['version = 9\n', /its version is 9, but only 1, 2, 3, 4 are supported/],
    ['version = 2\nproxy_plugins = { x = { type = "snapshot" } }\n', /its layout does not allow it/],
    ['version = 2\n[proxy_plugins.layerhook]\ntype = "content"\n', /is of type content: give another/],
    ['version = 3\n[', /is not TOML/],
    [
      "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.stored]\n  x = 1\n",
      /it has another runtime stored/,
    ],
  ] as const) {
    const file = write(t, text);
    t.throws(() => planSnapshotter(file, everything, false), { message: reason });
    t.is(read(file), text);
  }
});

test('wrong options are errors', async (t) => {
  for (const [args, reason] of [
    [['--name', 'overlayfs'], /invalid name of a proxy snapshotter: --name overlayfs/],
    [['--address', 'run/x'], /--address run\/x is not absolute/],
    [['--store', 'x'], /--store x is not absolute/],
  ] as const) {
    const file = join(tmpdir(t), 'config.toml');
    const { status, stderr } = await layerhook([
      'ctk',
      'snapshotter',
      'configure',
      '--config',
      file,
      ...args,
    ]);
    t.is(status, 2);
    t.regex(stderr, reason);
    t.false(existsSync(file));
  }
});

function write(t: ExecutionContext, text: string): string {
  const file = join(tmpdir(t), 'config.toml');
  writeFileSync(file, text);
  return file;
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

function unpacksOf(file: string): unknown {
  const transfer = tableAt(values(file), ['plugins', 'io.containerd.transfer.v1.local']);
  return plain(transfer?.unpack_config ?? []);
}

function parse(text: string) {
  return parseToml(text, (reason) => new Error(reason));
}

function values(file: string) {
  return parse(read(file));
}
