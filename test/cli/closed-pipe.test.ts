/** Commands that write a stream to standard output, when its reader ends early or its disk is full. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { file } from '../../src/testing/entries.js';
import { layerhook, mainFile, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

/** Does not compress: no form of the content fits into a pipe. */
const big = randomBytes(3 * 1024 * 1024);

/** Command lines, a tar for their standard input, and a directory that each must leave empty. */
async function prepare(t: ExecutionContext<unknown>) {
  const dir = tmpdir(t);
  const { reference } = buildImage(t, [[file('big', big)]]);
  const [store, bundle, tar, scratch] = ['store', 'bundle', 'tar', 'scratch'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string];
  mkdirSync(scratch);
  await succeed(
    t,
    layerhook(['unpack', '--driver', 'erofs', '--store', store, '--image', reference, bundle]),
  );
  t.teardown(() => layerhook(['bundle', 'rm', '--store', store, bundle]));
  const { stdout } = await layerhook(['store', 'ls', '--json', '--store', store]);
  const { diffID } = JSON.parse(stdout)[0].layer;
  await succeed(t, layerhook(['store', 'export', '--store', store, diffID, tar]));
  const commands = [
    ['cat', reference, 'big'],
    ['export', '--image', reference],
    ['export', '--compress', 'zstd', '--output', '/dev/stdout', '--image', reference],
    ['copy', reference, 'oci-archive:/dev/stdout'],
    ['store', 'export', '--store', store, diffID],
    ['raw', 'overlay-tar', '--scratch', scratch],
  ];
  return { tar, scratch, commands };
}

rootTest('a closed pipe ends every stream quietly, and nothing is left behind', async (t) => {
  const { tar, scratch, commands } = await prepare(t);
  for (const args of commands) {
    const input = openSync(tar, 'r');
    const command = 'set -o pipefail; "$0" "$@" | head -c 3 > /dev/null';
    const shell = ['-c', command, process.execPath, mainFile, ...args];
    const { status, stderr } = spawnSync('bash', shell, { encoding: 'utf8', stdio: [input, 'pipe', 'pipe'] });
    closeSync(input);
    t.deepEqual([status, stderr, readdirSync(scratch)], [0, '', []], args.join(' '));
  }
});

rootTest(
  'a full disk as standard output ends every stream with one line, and nothing is left behind',
  async (t) => {
    const { tar, scratch, commands } = await prepare(t);
    for (const args of commands) {
      const [input, full] = [openSync(tar, 'r'), openSync('/dev/full', 'w')];
      const command = [mainFile, ...args];
      const run = spawnSync(process.execPath, command, { encoding: 'utf8', stdio: [input, full, 'pipe'] });
      for (const fd of [input, full]) closeSync(fd);
      t.deepEqual([run.status, readdirSync(scratch)], [8, []], args.join(' '));
      t.regex(
        run.stderr,
        /^layerhook: no space left: cannot write to standard output, on the file system \/dev.*\n$/,
      );
    }
  },
);

rootTest('a signal ends every stream whose reader takes nothing', async (t) => {
  const { tar, commands } = await prepare(t);
  for (const args of commands) {
    const input = openSync(tar, 'r');
    const child = spawn(process.execPath, [mainFile, ...args], { stdio: [input, 'pipe', 'pipe'] });
    closeSync(input);
    // the command writes, and then waits, since nothing more is read
    const output = child.stdout!;
    await once(output, 'readable');
    child.kill('SIGTERM');
    const [status, signal] = await once(child, 'exit');
    t.true(status === 143 || signal === 'SIGTERM', `${args.join(' ')}: ${status} ${signal}`);
    output.destroy();
  }
});
