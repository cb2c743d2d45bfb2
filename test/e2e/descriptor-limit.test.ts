/** A limit of open files: a command that needs more ends with one line, and never by a signal of a library. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { layerhook, mainFile, run, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

test('a command on the store under each limit of open files', async (t) => {
  if (!requires(t, 'root', 'prlimit')) return;
  const dir = tmpdir(t);
  const { reference } = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const args = ['--store', join(dir, 'store')];
  await succeed(
    t,
    layerhook(['unpack', '--driver', 'overlay', ...args, '--image', reference, join(dir, 'b')]),
  );
  t.teardown(() => layerhook(['bundle', 'rm', ...args, join(dir, 'b')]));
  let refusals = 0;
  for (let limit = 64; ; limit--) {
    const command = [process.execPath, mainFile, 'store', 'ls', ...args];
    const { status, signal, stderr } = await run('prlimit', [`--nofile=${limit}`, ...command], {
      env: { XDG_CONFIG_HOME: '/nonexistent' },
    });
    // node cannot load the program
    if (/^node:(internal|fs)/.test(stderr)) break;
    t.is(signal, null, `${limit}: ${stderr}`);
    if (status === 0) continue;
    refusals += 1;
    t.regex(stderr, /^layerhook: [^\n]+\(EMFILE\); raise the limit on open files[^\n]+\n$/, String(limit));
  }
  t.true(refusals > 3, `${refusals}`);
});

test('an unpack without enough open files says so, and the next one removes what it had to leave', async (t) => {
  if (!requires(t, 'root', 'prlimit')) return;
  const dir = tmpdir(t);
  const { reference } = buildImage(t, [[{ name: 'a', content: 'x' }]]);
  const unpack = ['unpack', '--image', reference, join(dir, 'b')];
  let left = 0;
  for (let limit = 26; limit > 18; limit--) {
    const { status, stderr } = await run(
      'prlimit',
      [`--nofile=${limit}`, process.execPath, mainFile, ...unpack],
      { env: { XDG_CONFIG_HOME: '/nonexistent' } },
    );
    const names = readdirSync(dir);
    if (status !== 0 && !/^node:(internal|fs)/.test(stderr)) {
      t.deepEqual(names.includes('b'), false);
      t.regex(stderr, /^layerhook: [^\n]*EMFILE[^\n]*; raise the limit[^\n]* on open files[^\n]*\n$/m);
      left += names.length;
    }
    rmSync(join(dir, 'b'), { recursive: true, force: true });
    await succeed(t, layerhook(unpack));
    t.deepEqual(readdirSync(dir), ['b']);
    rmSync(join(dir, 'b'), { recursive: true });
  }
  t.true(left > 0);
});

test('a quota that is reached, which node has no name for, is NO_SPACE', async (t) => {
  if (!requires(t, 'strace')) return;
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'etc'));
  const file = join(dir, 'etc/runtime.toml');
  const tracer = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=openat', '-e', 'inject=openat:error=EDQUOT'];
  const command = [process.execPath, mainFile, 'ctk', 'config', '--config-file', file];
  const { status, stderr } = await run('strace', [...tracer, '-P', file, ...command]);
  t.is(status, 8, stderr);
  t.regex(stderr, /^layerhook: [^\n]*runtime\.toml[^\n]*; [^\n]+\n$/);
  t.false(existsSync(file));
});
