/** Two processes: one removes empty parents, as a failing command does, while the other creates and uses them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { installHook } from '../../src/cli/commands/hooks/hook-install.js';
import { applyChanges } from '../../src/ctk/files.js';
import { openStaging } from '../../src/engine/unpack/staging.js';
import { createLayout } from '../../src/image/layout.js';
import { ArchiveWriter } from '../../src/image/storage/archive-writer.js';
import { againIfGone } from '../../src/system/again-if-gone.js';
import { makeDirectories } from '../../src/system/make-directory.js';
import { tmpdir } from '../helpers/tmp.js';

/** Starts a process that removes a directory and its parents again and again while they are empty. */
async function failingCommands(t: ExecutionContext, path: string): Promise<ChildProcess> {
  const code = `
    import { rmdirSync } from 'node:fs';
    const paths = ${JSON.stringify([path, dirname(path), dirname(dirname(path))])};
    const never = new Int32Array(new SharedArrayBuffer(4));
    console.log('runs');
    for (;;) {
      for (const path of paths) try { rmdirSync(path); } catch {}
      Atomics.wait(never, 0, 0, Math.random() / 5);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

const content = 'content';
const archive = {
  ...{ path: 'a', signal: undefined, pending: new Map() },
  ...{ isNew: () => true, oldBlobs: () => [], onPublished: () => {} },
};

const users: Record<string, (path: string) => unknown> = {
  makeDirectories: (path) => makeDirectories(dirname(path)),
  'the staging directory of a bundle': async (path) => (await openStaging(path)).discard(),
  'a layout': (path) => createLayout(path).close(),
  'an archive': (path) => new ArchiveWriter(path, archive).close(),
  'a hook file': (path) => installHook(path, content),
  'a file of ctk': (path) => applyChanges([{ file: path, before: '', after: content }]),
};

for (const [what, use] of Object.entries(users))
  test.serial(`${what}: a parent that vanishes is created again`, async (t) => {
    const dir = tmpdir(t);
    const path = join(dir, 'a/b/c/d');
    const child = await failingCommands(t, dirname(path));
    for (let i = 0; i < 1500; i++) {
      await t.notThrowsAsync(async () => use(path), `${i}`);
      rmSync(path, { recursive: true, force: true });
    }
    t.is(child.exitCode, null);
    t.true(existsSync(dir));
  });

test('a directory that never takes an entry ends the tries', (t) => {
  let calls = 0;
  const never = () => {
    calls += 1;
    throw Object.assign(new Error('x'), { code: 'ENOENT' });
  };
  t.throws(() => againIfGone(never), { code: 'ENOENT' });
  t.is(calls, 100);
  t.throws(() => makeDirectories('/proc/none/a'), { code: 'DIRECTORY_INVALID' });
});
