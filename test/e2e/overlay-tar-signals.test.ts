/** A signal, or a kill, while `raw overlay-tar` works: nothing stays in the scratch directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { mainFile } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tar as tarOf } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';

/** Starts the command, and waits until it has extracted a file and wants more of the tar. */
async function started(t: ExecutionContext, scratch: string, name = 'a') {
  const child = spawn(process.execPath, [mainFile, 'raw', 'overlay-tar', '--scratch', scratch], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  // the end of the process closes the pipe
  child.stdin.on('error', () => {});
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  // without the end of the archive; more than a slot of the ring
  const entries = [{ name, content: Buffer.alloc(2 ** 20) }];
  child.stdin.write(tarOf(entries, { trailer: false }));
  await until(`${name} is extracted`, () => has(scratch, name));
  return { child, ended, stderr: () => stderr };
}

function has(scratch: string, name: string): boolean {
  const paths = readdirSync(scratch, { recursive: true }) as string[];
  return paths.some((path) => path.endsWith(`/${name}`));
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  test(`${signal} ends raw overlay-tar, which removes its files`, async (t) => {
    if (!requires(t, 'root')) return;
    const scratch = tmpdir(t);
    const { child, ended, stderr } = await started(t, scratch);
    child.kill(signal);
    t.deepEqual(await ended, [status, null], stderr());
    t.regex(stderr(), /^layerhook: raw overlay-tar was interrupted; [^\n]+\n$/);
    t.deepEqual(readdirSync(scratch), []);
  });

test('the next raw overlay-tar removes what a killed one has left, and nothing of a running one', async (t) => {
  if (!requires(t, 'root')) return;
  const scratch = tmpdir(t);
  const [killed, running] = [await started(t, scratch, 'k'), await started(t, scratch, 'r')];
  killed.child.kill('SIGKILL');
  await killed.ended;
  t.is(readdirSync(scratch).length, 2);
  const next = await started(t, scratch, 'n');
  t.is(readdirSync(scratch).length, 2);
  for (const { child, ended, stderr } of [running, next]) {
    child.stdin.end(Buffer.alloc(1024));
    child.stdout.resume();
    t.deepEqual(await ended, [0, null], stderr());
  }
  t.deepEqual(readdirSync(scratch), []);
});
