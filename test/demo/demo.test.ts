import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const demo = join(dirname(fileURLToPath(import.meta.url)), 'demo.js');

function run(dir: string, command: string[]) {
  const [program = '', ...args] = command;
  const env = { ...process.env, TMPDIR: dir, HOME: dir };
  return spawnSync(program, args, { encoding: 'utf8', env });
}

function check(t: ExecutionContext, stdout: string): void {
  const points = [
    'layer.try-skip',
    'layer.pre-extract',
    'layer.post-extract',
    'bundle.assemble',
    'bundle.config',
  ];
  for (const point of points) t.true(stdout.includes(`unpack.ociv1.${point} `), point);
  for (const point of ['delta-list', 'refresh-bundle'])
    t.true(stdout.includes(`repack.ociv1.layer.${point} `), point);
  for (const entry of [
    'removed    bin/sleep',
    'symlink    root/todo -> /root/notes',
    '18 B       root/notes (600)',
  ]) {
    t.true(stdout.includes(entry), `${entry} in ${stdout}`);
  }
  t.regex(stdout, /ends with “And a changed one\.”/);
  t.regex(stdout, /\/bin\/sleep +is gone/);
  t.regex(stdout, /unpack again +\d+ ms/);
}

test('the demo says that it builds, before it does', (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  const bin = tmpdir(t);
  symlinkSync(process.execPath, join(bin, 'node'));
  // without npm, the build is where the command ends
  const { status, stdout } = spawnSync('/bin/sh', ['-c', scripts.demo], {
    encoding: 'utf8',
    env: { PATH: bin },
  });
  t.is(status, 127);
  t.regex(stdout, /^Building layerhook[^\n]+\n$/);
});

test('the demo does what it says, draws a picture, and leaves nothing behind', (t) => {
  const dir = tmpdir(t);
  const picture = join(tmpdir(t), 'demo.svg');
  const { status, stdout, stderr } = run(dir, [process.execPath, demo, '--picture', picture]);
  t.is(status, 0, stderr);
  t.is(stderr, '');
  check(t, stdout);
  t.deepEqual(readdirSync(dir), []);
  const drawn = readFileSync(picture, 'utf8');
  for (const text of ['npm run demo', 'unpack.ociv1.layer.post-extract', 'root/todo -> /root/notes'])
    t.true(drawn.includes(text.replaceAll(' ', '\u00a0')), text);
});

test('runc runs its container', (t) => {
  if (!requires(t, 'root', 'runc')) return;
  const { stdout } = run(tmpdir(t), [process.execPath, demo]);
  t.regex(stdout, /runc +hello from a container: root, \d+ names in \/bin/);
  t.regex(stdout, /B +var\/log\/started/);
});

rootTest('its overlay bundles share layers', (t) => {
  const { stdout } = run(tmpdir(t), [process.execPath, demo]);
  t.regex(stdout, /second bundle +2 of 2 layers were there already/);
  t.regex(stdout, /\/etc\/motd +has 3 lines in one bundle now, 2 in the other/);
  t.regex(stdout, /repack +1 changed path, a layer of \d\.\d kB/);
  t.regex(stdout, /repack again +the bundle was refreshed: nothing has changed/);
  t.regex(stdout, /new image +3 of 3 layers were there already/);
  t.regex(stdout, /garbage +no bundle is left: 3 layers of \d/);
});

test('without privileges and without runtimes it says so, and does the rest', (t) => {
  if (!requires(t, 'root', 'setpriv')) return;
  const dir = tmpdir(t);
  chmodSync(dir, 0o777);
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  if (run(dir, [...user, process.execPath, '--check', demo]).status !== 0) {
    t.log('SKIPPED: another user cannot read this directory');
    t.pass();
    return;
  }
  const bin = tmpdir(t);
  chmodSync(bin, 0o755);
  for (const tool of ['ldd', 'cat', 'bash']) symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
  const { status, stdout, stderr } = run(dir, [...user, 'env', `PATH=${bin}`, process.execPath, demo]);
  t.is(status, 0, stderr);
  t.regex(stdout, /^You are not root: /m);
  t.regex(stdout, /neither runc nor crun is installed/);
  t.regex(stdout, /one program gone$/m);
  t.deepEqual(readdirSync(dir), []);
});
