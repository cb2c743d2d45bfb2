import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openSpecial } from '../../src/cli/files/output.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { names, type Outcome } from './failing-opens.js';

const program = new URL('failing-opens.js', import.meta.url).pathname;

test('a file whose stat fails is closed', (t) => {
  if (!requires(t, 'strace')) return;
  const dir = tmpdir(t);
  const files = names.flatMap((name) => ['-P', join(dir, name).replace(/\/$/, '')]);
  const calls = 'statx,fstat,newfstatat';
  const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO`];
  const command = ['-f', '-qq', '-o', '/dev/null', ...files, ...inject, process.execPath, program, dir];
  const outcomes: Outcome[] = JSON.parse(execFileSync('strace', command, { encoding: 'utf8' }));
  t.deepEqual(
    outcomes.map(({ name }) => name),
    names,
  );
  for (const { name, error, isOpen } of outcomes) {
    t.not(error, '', name);
    t.false(isOpen, name);
  }
});

test('a file that takes the name of a FIFO is not written', async (t) => {
  const dir = tmpdir(t);
  const [fifo, file] = [join(dir, 'fifo'), join(dir, 'file')];
  execFileSync('mkfifo', [fifo]);
  writeFileSync(file, 'kept');
  const opening = openSpecial(fifo, new AbortController().signal);
  renameSync(file, fifo);
  await t.throwsAsync(opening, { message: 'another file has taken its name' });
});
