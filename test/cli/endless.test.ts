/** Files that a user names and that do not end, or that have no data yet: the command ends with a clear line, or at a signal. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hasEnded, signalOnOpen } from '../helpers/at-work.js';
import { layerhook, mainFile, refused, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';

const commands = [['import'], ['raw', 'add-layer']];

function imageOf(t: ExecutionContext<unknown>) {
  const { layout, tag } = buildImage(t, [[{ name: 'a' }]]);
  const blobs = () => readdirSync(join(layout, 'blobs/sha256')).length;
  return { image: ['--image', `${layout}:${tag}`], blobs };
}

for (const command of commands) {
  const name = command.join(' ');

  test(`${name} refuses a file without an end`, async (t) => {
    const { image, blobs } = imageOf(t);
    const before = blobs();
    for (const file of ['/dev/zero', '/dev/full'])
      await refused(
        t,
        layerhook([...command, ...image, file]),
        /what follows the end of .*--limit tar-tail=/,
      );
    const limited = [...command, ...image, '--limit', 'unpacked=1MiB', '/dev/zero'];
    await refused(t, layerhook(limited), /--limit unpacked=SIZE/);
    t.is(blobs(), before);
  });

  test(`${name} reads a FIFO, and ends at a signal while it waits for the writer`, async (t) => {
    if (!requires(t, 'mkfifo')) return;
    const { image, blobs } = imageOf(t);
    const fifo = join(tmpdir(t), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const before = blobs();
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const started = (pid: number) => signalOnOpen(pid, 'fifo', signal);
      const finished = await layerhook([...command, ...image, fifo], { started });
      t.is(finished.status, status, finished.stderr);
      t.is(blobs(), before);
    }
    const reading = layerhook([...command, ...image, fifo]);
    const writer = spawn('sh', ['-c', 'cat > "$0"', fifo], { stdio: ['pipe', 'ignore', 'inherit'] });
    writer.stdin.end(tar([{ name: 'b', content: 'x' }]));
    await succeed(t, reading);
    t.true(blobs() > before);
  });

  test(`${name} ends at a signal while standard input has no data`, async (t) => {
    const { image } = imageOf(t);
    const child = spawn(process.execPath, [mainFile, ...command, ...image, '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    // before the command handles signals, a signal just kills it
    await until('the command reads its input', () => hasEnded(child) || readsInput(child.pid!), 20);
    child.kill('SIGTERM');
    const [status, signal] = await once(child, 'exit');
    child.stdin.destroy();
    t.deepEqual([status, signal], [143, null]);
  });
}

/** True if the process has opened the layout, and so waits for its input. */
function readsInput(pid: number): boolean {
  try {
    return execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' }).includes('.umoci-');
  } catch {
    return false;
  }
}
