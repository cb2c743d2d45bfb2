import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionConfig, ImageConfig } from '../../src/image/types.js';
import type { MapOptions } from '../../src/layer/types.js';
import { generateSpec } from '../../src/spec/generate.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { comparable, umoci } from './umoci.js';

const unmapped: MapOptions = { uidMappings: [], gidMappings: [], rootless: false };
const passwd = 'root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:\n';
const group = 'staff:x:50:web\nwww:x:34:\n';

interface Case {
  config?: ExecutionConfig;
  image?: Partial<ImageConfig>;
  map?: { args: string[]; map: MapOptions };
}

const range = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
const own = { uidMappings: [range(0, 0, 1)], gidMappings: [range(0, 0, 1)], rootless: true };
const cases: Record<string, Case> = {
  'nothing said': {},
  'command, entrypoint, directory': {
    config: { Entrypoint: ['/init', ''], Cmd: ['a b'], WorkingDir: '/srv' },
  },
  'command alone': { config: { Cmd: ['/bin/sh', '-c', 'echo "<&>"'] } },
  environment: { config: { Env: ['A=1', 'PATH=/bin', 'A=2', 'EMPTY=', 'X=a=b', 'HOME=/h'] } },
  'user by name': { config: { User: 'web' } },
  'user and group': { config: { User: 'web:staff' } },
  'unknown number': { config: { User: '1000:1000' } },
  volumes: { config: { Volumes: { '/z': {}, '/var/lib': {}, '/a': {} } } },
  annotations: {
    config: {
      Labels: { b: '2', a: '', __proto__x: 'y' },
      StopSignal: 'SIGTERM',
      ExposedPorts: { '8080/tcp': {}, '22': {}, '53/udp': {} },
    },
    image: { author: 'Me <me@example.org>', created: '2020-02-03T04:05:06.700+01:00', variant: 'v3' },
  },
  'labels win': {
    config: { Labels: { 'org.opencontainers.image.os': 'plan9' }, StopSignal: '9' },
    image: { created: '2020-02-03T04:05:06.000Z' },
  },
  'id maps': {
    map: {
      args: ['--uid-map', '0:0:70000', '--gid-map', '0:0:50000', '--gid-map', '50000:50000:9'],
      map: {
        uidMappings: [range(0, 0, 70000)],
        gidMappings: [range(0, 0, 50000), range(50000, 50000, 9)],
        rootless: false,
      },
    },
  },
  rootless: { config: { User: 'web', Volumes: { '/v': {} } }, map: { args: ['--rootless'], map: own } },
};

for (const [name, { config = {}, image: more = {}, map }] of Object.entries(cases)) {
  test(`config.json is umoci's: ${name}`, (t) => {
    if (!requires(t, 'root', umoci)) return;
    const image = buildImage(
      t,
      [
        [
          { name: 'etc/', type: 'dir' },
          { name: 'etc/passwd', content: passwd },
          { name: 'etc/group', content: group },
        ],
      ],
      { config, edit: { config: (document) => Object.assign(document, more) } },
    );
    const bundle = join(tmpdir(t), 'bundle');
    execFileSync(umoci, ['unpack', ...(map?.args ?? []), '--image', image.reference, bundle]);
    const theirs = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
    const ours = generateSpec(image, { rootfs: join(bundle, 'rootfs'), map: map?.map ?? unmapped });
    t.deepEqual(...comparable(JSON.parse(JSON.stringify(ours)), theirs));
  });
}

const minimal = (config: ExecutionConfig, more: Partial<ImageConfig> = {}) => ({
  config: {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers' as const, diff_ids: [] },
    config,
    ...more,
  },
});

for (const [what, image] of Object.entries({
  'another os': minimal({}, { os: 'windows' }),
  'a variable without a name': minimal({ Env: ['=x'] }),
  'a variable without a value': minimal({ Env: ['PATH'] }),
  'an unknown user': minimal({ User: 'eve' }),
  'a malformed time': minimal({}, { created: 'now' }),
})) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => generateSpec(image, { rootfs: tmpdir(t), map: unmapped }), { code: 'IMAGE_INVALID' });
  });
}

test('passwd and group are read inside the rootfs: a link out of it does not reach the host', (t) => {
  const dir = tmpdir(t);
  const rootfs = join(dir, 'rootfs');
  mkdirSync(join(rootfs, 'etc'), { recursive: true });
  writeFileSync(join(dir, 'passwd'), 'eve:x:666:666::/evil:\n');
  symlinkSync('../../passwd', join(rootfs, 'etc/passwd'));
  t.throws(() => generateSpec(minimal({ User: 'eve' }), { rootfs, map: unmapped }), {
    code: 'IMAGE_INVALID',
  });
});

test('an oversized passwd is refused', (t) => {
  const rootfs = tmpdir(t);
  mkdirSync(join(rootfs, 'etc'));
  writeFileSync(join(rootfs, 'etc/passwd'), Buffer.alloc(9 * 2 ** 20, 'a'));
  t.throws(() => generateSpec(minimal({}), { rootfs, map: unmapped }), { code: 'LIMIT_EXCEEDED' });
});

test('values of an image end up inside the container only', (t) => {
  const evil = { Labels: { hook: '/bin/evil' }, Env: ['LD_PRELOAD=/evil.so'], Volumes: { '/etc': {} } };
  const spec = generateSpec(minimal(evil), { rootfs: join(tmpdir(t), 'rootfs'), map: unmapped });
  t.is(spec.root.path, 'rootfs');
  t.false('hooks' in spec);
  t.deepEqual(
    spec.mounts.filter(({ type }) => type === 'bind'),
    [],
  );
});

test('runc runs the bundle', (t) => {
  if (!requires(t, 'root', 'runc', 'ldd')) return;
  const bundle = tmpdir(t);
  const rootfs = join(bundle, 'rootfs');
  for (const file of ['/bin/sh', ...libraries('/bin/sh')]) {
    mkdirSync(join(rootfs, file, '..'), { recursive: true });
    execFileSync('cp', ['-L', file, join(rootfs, file)]);
  }
  const image = minimal({
    Entrypoint: ['/bin/sh', '-c'],
    Cmd: ['echo "$A $HOME"; pwd; read -r _ uid _ < /proc/self/status; echo > /data/x && echo written'],
    Env: ['A=b c'],
    WorkingDir: '/data',
    Volumes: { '/data': {} },
    User: '0:0',
  });
  const spec = generateSpec(image, { rootfs, map: unmapped });
  spec.process.terminal = false;
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  const id = `layerhook-test-${process.pid}`;
  const output = execFileSync('runc', ['run', '--bundle', bundle, id], { encoding: 'utf8' });
  t.is(output, 'b c /\n/data\nwritten\n');
});

function libraries(program: string): string[] {
  return execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
}
