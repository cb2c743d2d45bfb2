import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { privateDir, script, write } from '../config/helpers.js';
import { mainFile } from '../helpers/cli.js';
import { runFile } from './run.js';

const hooks = (...args: string[]) => runFile(mainFile, ['hooks', ...args]);

test('hooks check shows what each hook would be called with', (t) => {
  const dir = privateDir(t);
  const program = script(dir, 'cache', '');
  const file = write(
    dir,
    'hooks.toml',
    `[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["${program}", "two words"]\nenv = ["A=b"]\ntimeout = 9\non-failure = "continue"\n`,
  );
  const { status, stdout, stderr } = hooks('check', file);
  t.is(stderr, '');
  t.is(status, 0);
  const lines = stdout.split('\n');
  t.is(lines[0], `${file} is valid: 1 hook, driver copy, mtree (decided by the driver), store (default)`);
  for (const expected of [
    `hooks.toml:1 exec ${program}`,
    '  timeout     9 s',
    '  on-failure  continue',
    '  bundle.ociv1.remove',
    `    argv      ["${program}","two words","bundle.ociv1.remove"]`,
    '    cwd       /',
    '              LANG=C.UTF-8',
    '              A=b',
  ]) {
    t.true(lines.includes(expected), `${expected}\n${stdout}`);
  }
  t.regex(stdout, /^ {4}stdin {5}\{"point":"bundle\.ociv1\.remove","bundle":"\/srv\/bundle",.*\}$/m);
  const json = JSON.parse(hooks('check', '--hooks', file, '--json').stdout);
  t.like(json, { file, driver: { name: 'copy' }, mtree: null, store: null });
  t.like(json.hooks[0], { line: 1, timeout: 9, onFailure: 'continue' });
  t.like(json.hooks[0].calls[0], {
    argv: [program, 'two words', 'bundle.ociv1.remove'],
    cwd: '/',
    env: { A: 'b' },
  });
});

const drivers = {
  overlay: 'name = "overlay"',
  erofs: 'name = "erofs"\nverity = "never"',
  btrfs: 'name = "btrfs"',
  copy: 'name = "copy"',
};

for (const [name, table] of Object.entries(drivers))
  test(`hooks check accepts the driver ${name} with and without a store, and creates none`, (t) => {
    const dir = privateDir(t);
    for (const store of ['', `store = "${dir}/store"\n`]) {
      const file = write(dir, 'hooks.toml', `${store}[driver]\n${table}\n`);
      const { status, stdout, stderr } = hooks('check', file);
      t.is(status, 0, stderr);
      t.regex(stdout, new RegExp(`is valid: 0 hooks, driver ${name}, `));
    }
    t.false(existsSync(join(dir, 'store')));
    const { stderr } = hooks('check', write(dir, 'hooks.toml', `[driver]\n${table}\nnonsense = 1\n`));
    t.regex(stderr, /nonsense/);
  });

test('hooks check says what is wrong, in one line', (t) => {
  const dir = privateDir(t);
  const file = write(dir, 'hooks.toml', '[[hook]]\npoint = "bundle.ociv1.rmove"\nexec = ["/bin/sh"]\n');
  const { status, stdout, stderr } = hooks('check', file);
  t.is(status, 9);
  t.is(stdout, '');
  t.is(
    stderr,
    `layerhook: ${file}:2: "bundle.ociv1.rmove" is not a lifecycle point (did you mean bundle.ociv1.remove?); layerhook hooks list shows them all\n`,
  );
  t.is(hooks('check', join(dir, 'missing')).status, 9);
  t.not(hooks('check', file, file).status, 0);
});
