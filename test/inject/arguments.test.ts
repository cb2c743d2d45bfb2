import test from 'ava';
import { readArguments } from '../../src/inject/arguments.js';
import { startsContainer } from '../../src/inject/inject.js';

const read = (line: string) => readArguments(line === '' ? [] : line.split(' '));

for (const [line, bundle] of [
  ['create --bundle /b id', '/b'],
  ['create --bundle=/b id', '/b'],
  ['create -bundle /b id', '/b'],
  ['create -b /b id', '/b'],
  ['create -b=/b id', '/b'],
  ['create -b/b id', '/b'],
  ['create id', '.'],
  ['create id -b /b', '/b'],
  ['create --pid-file -b --bundle /b id', '/b'],
  ['create --bundle /a --bundle /b id', '/b'],
  ['create --console-socket=/s --no-pivot --bundle /b --preserve-fds 1 id', '/b'],
  ['run -d --bundle /b id', '/b'],
  ['create -- --bundle', '.'],
] as const) {
  test(`the bundle of: ${line}`, (t) => {
    const args = read(`--root /run/x --log=/l --systemd-cgroup ${line}`);
    t.is(args.bundle, bundle);
    t.true(startsContainer(args));
    t.deepEqual(args.passed, `--root /run/x --log=/l --systemd-cgroup ${line}`.split(' '));
  });
}

for (const [line, command] of [
  ['start create', 'start'],
  ['--root create state id', 'state'],
  ['--log /l --log-format json delete --force create', 'delete'],
  ['--criu run kill id KILL', 'kill'],
  ['--unknown-option value create id', 'create'],
  ['exec --process create id', 'exec'],
  ['--version', undefined],
  ['', undefined],
] as const) {
  test(`the command of: ${line}`, (t) => {
    t.is(read(line).command, command);
  });
}

test('only create, run and restore start a container', (t) => {
  const starting = [
    'create',
    'run',
    'restore',
    'start',
    'state',
    'delete',
    'kill',
    'exec',
    'features',
  ].filter((command) => startsContainer({ command }));
  t.deepEqual(starting, ['create', 'run', 'restore']);
});

test('our own options go before the command, in any order and spelling, and are not passed on', (t) => {
  const given = read('--log /l --runtime-path=runc --hook-config-path /h --debug create --bundle /b id');
  t.deepEqual(given.own, { hooks: ['/h'], runtime: 'runc', config: undefined });
  t.is(given.passed.join(' '), '--log /l --debug create --bundle /b id');
  t.deepEqual([given.log, given.logFormat, given.isDebug], ['/l', 'text', true]);
});

test('an option of layerhook-runtime without a value is an error', (t) => {
  t.throws(() => read('--runtime-path= create id'), { message: '--runtime-path needs a value' });
  t.throws(() => readArguments(['--hook-config-path']), { message: '--hook-config-path needs a value' });
});

test('an option behind the command belongs to the container', (t) => {
  const { own, passed } = read('exec id prog --runtime-path x');
  t.is(own.runtime, undefined);
  t.is(passed.join(' '), 'exec id prog --runtime-path x');
});

test("crun's --config names another file", (t) => {
  t.is(read('create -b /b --config /c.json id').specFile, '/c.json');
  t.is(read('create -b /b -f /c.json id').specFile, '/c.json');
});

test('descriptors to preserve', (t) => {
  t.is(read('create --preserve-fds=3 id').preservedFds, 3);
  t.is(read('create id').preservedFds, 0);
});
