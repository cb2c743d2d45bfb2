/** Commands whose output or working directory is gone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { layerhook, mainFile, refused, run } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { tmpdir } from '../helpers/tmp.js';

const shell = (script: string, ...args: string[]) =>
  run('sh', ['-c', script, process.execPath, mainFile, ...args], {
    env: { XDG_CONFIG_HOME: '/nonexistent' },
  });

test('output that cannot be written is an error', async (t) => {
  const { layout } = buildImage(t, []);
  for (const command of [['ls', '--layout', layout], ['stat', '--json', '--image', layout], ['--help']])
    await refused(t, shell('exec "$0" "$@" > /dev/full', ...command), /standard output/);
  const { status } = await shell('"$0" "$@" 2> /dev/full', 'ls', '--layout', '/nonexistent');
  t.is(status, 8, 'the error, which had to be written too');
});

test('a socket as standard output stays open for the programs that follow', async (t) => {
  const { reference } = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const dir = tmpdir(t);
  const commands = [
    ['cat', reference, 'a'],
    ['export', '--image', reference],
    ['export', '--image', reference, '--compress', 'gzip'],
    ['export', '--image', reference, '--output', '/dev/stdout'],
    ['inspect', '--html', '-', reference],
    ['inspect', '--html', '/dev/stdout', reference],
    ['raw', 'runtime-config', '--image', reference, '/dev/stdout'],
    ['raw', 'overlay-tar', '--scratch', dir],
  ];
  for (const command of commands) {
    // node connects the standard output of a child process to a socket
    const { stdout, stderr } = await shell('"$0" "$@"; echo "status $?"', ...command);
    t.true(stdout.endsWith('status 0\n') && stdout.length > 9, `${command}: ${stdout.slice(-100)}${stderr}`);
  }
});

test('a directory as standard input is an error', async (t) => {
  const { reference } = buildImage(t, []);
  const dir = tmpdir(t);
  for (const command of [
    ['import', '--image', `${reference.split(':')[0]}:new`, '-'],
    ['raw', 'overlay-tar', '--scratch', dir],
  ])
    await refused(t, shell('exec "$0" "$@" < /', ...command), /cannot read standard input: .*\(EISDIR\)/);
});

test('a closed pipe causes no error', async (t) => {
  const { layout } = buildImage(t, []);
  const { status, stderr } = await shell(
    '{ "$0" "$@"; echo "status $?" >&2; } | true',
    'ls',
    '--layout',
    layout,
  );
  t.deepEqual({ status, stderr }, { status: 0, stderr: 'status 0\n' });
});

test('closed standard streams do not become files of the command', async (t) => {
  const { layout, reference } = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const before = readFileSync(join(layout, 'index.json'), 'utf8');
  const script = 'exec "$0" "$@" <&- >&- 2>&-';
  for (const args of [
    ['ls', '--layout', layout],
    ['cat', reference, 'a'],
    ['tag', '--image', reference, 'other'],
  ])
    t.is((await shell(script, ...args)).status, 0, args.join(' '));
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: unknown[] };
  t.is(index.manifests.length, JSON.parse(before).manifests.length + 1);
  t.is((await layerhook(['validate', layout])).status, 0);
});

test('a working directory with a path that is too long says so, also for what it reads', async (t) => {
  const { reference } = buildImage(t, []);
  const cwd = tmpdir(t);
  const name = 'd'.repeat(250);
  const script = `for i in $(seq 20); do mkdir ${name} && cd -P ./${name} || exit 1; done; exec "$0" "$@"`;
  const shell = (...args: string[]) =>
    run('bash', ['-c', script, process.execPath, mainFile, ...args], { cwd });
  await refused(
    t,
    shell('unpack', '--image', reference, 'b'),
    /^layerhook: the working directory: its path is longer than 4095 bytes; change to another directory\n$/,
  );
});

test('a hooks.toml with a path that is too long is one line in plain words', async (t) => {
  const hooks = `/${'d'.repeat(256)}/hooks.toml`;
  const finished = layerhook(['--hooks', hooks, 'store', 'ls']);
  await refused(t, finished, /: name too long \(ENAMETOOLONG\); check the path and its permissions\n$/);
});

test('a working directory that was removed is named', async (t) => {
  const { reference } = buildImage(t, []);
  const cwd = tmpdir(t);
  const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"';
  const gone = run('sh', ['-c', script, process.execPath, mainFile, 'unpack', '--image', reference, 'b'], {
    cwd,
  });
  await refused(t, gone, /^layerhook: the working directory: it was removed; change to another directory\n$/);
  t.is((await layerhook(['ls', '--layout', reference.split(':')[0]!], { cwd })).status, 0);
});
