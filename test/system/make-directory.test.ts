import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { makeDirectory, nearestDirectory } from '../../src/system/make-directory.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

test('makes missing directories, with the mode, and returns whether it made any', (t) => {
  const root = tmpdir(t);
  t.true(makeDirectory(join(root, 'a/b/c'), 0o700));
  for (const path of ['a', 'a/b', 'a/b/c']) t.is(statSync(join(root, path)).mode & 0o7777, 0o700, path);
  t.false(makeDirectory(join(root, 'a/b/c'), 0o755));
  t.is(statSync(join(root, 'a/b/c')).mode & 0o7777, 0o700);
});

test('goes through symlinks to directories', (t) => {
  const root = tmpdir(t);
  mkdirSync(join(root, 'real'));
  symlinkSync('real', join(root, 'link'));
  t.true(makeDirectory(join(root, 'link/below')));
  t.deepEqual(readdirSync(join(root, 'real')), ['below']);
  t.false(makeDirectory(join(root, 'link')));
});

test('the file in the way is named', (t) => {
  const root = tmpdir(t);
  writeFileSync(join(root, 'file'), '');
  symlinkSync('nowhere', join(root, 'dangling'));
  for (const [path, reason] of [
    ['file', 'it is not a directory'],
    ['file/below/it', `${join(root, 'file')} is not a directory`],
    ['dangling', 'it is a symlink to a missing file'],
    ['dangling/below', `${join(root, 'dangling')} is a symlink to a missing file`],
  ] as const)
    for (const use of [makeDirectory, nearestDirectory]) {
      const error = t.throws(() => use(join(root, path)), { code: 'DIRECTORY_INVALID' });
      t.is(error!.message, `${join(root, path)} cannot be used as a directory: ${reason}`);
    }
  t.throws(() => makeDirectory(join(root, 'x'.repeat(300))), { code: 'SYSTEM', message: /name too long/ });
  t.deepEqual(readdirSync(root).sort(), ['dangling', 'file']);
});

test('a directory that another process creates meanwhile is a directory', async (t) => {
  const root = tmpdir(t);
  const names = Array.from({ length: 3000 }, (_, i) => join(root, `${i}`));
  const other = spawn('sh', [
    '-c',
    'echo; for i in $(seq 0 2999); do mkdir "$0/$i" 2>/dev/null; done; exit 0',
    root,
  ]);
  const ended = once(other, 'exit');
  await once(other.stdout, 'data');
  let waited = 0;
  for (const name of names) if (!makeDirectory(name)) waited++;
  t.is(readdirSync(root).length, names.length);
  t.log(`${waited} of ${names.length} were made by the other process first`);
  t.deepEqual(await ended, [0, null]);
});

test('the nearest directory is where making begins', (t) => {
  const root = tmpdir(t);
  t.is(nearestDirectory(join(root, 'a/b')), root);
  t.is(nearestDirectory(root), root);
});

rootTest('a filesystem that refuses new entries is an error', (t) => {
  t.throws(() => makeDirectory('/proc/x/y'), {
    code: 'DIRECTORY_INVALID',
    message: /: \/proc does not allow new entries$/,
  });
  t.throws(() => makeDirectory('/sys/x/y'), {
    code: 'SYSTEM',
    message: /^cannot create \/sys\/x: .*\(EPERM\)$/,
  });
});
