/**
 * Network file systems and quotas report lost content at close(2). The error names the file, and nothing incomplete gets a
 * name. Closing a file that was only read may fail.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { unmountTree } from '../../src/overlay/mount.js';
import { type Finished, mainFile, refused, run } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { script, stopped } from '../hooks/archive/setup.js';
import { sh } from '../overlay/mounted.js';

/** Returns a program and its arguments, which writes to the directory `out`. */
type Program = (out: string) => string[];

const attempts = 10;

/**
 * Runs a program in which the call fails that closes a file. strace finds the call by its number in its thread, which may
 * differ between two runs: then the next run tries again, with the number of this run.
 *
 * @returns what the program printed, and its directory
 */
async function failingClose(
  t: ExecutionContext,
  file: RegExp,
  program: Program,
): Promise<{ finished: Finished; out: string }> {
  const log = join(tmpdir(t), 'log');
  const env = { XDG_CONFIG_HOME: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: '1' };
  let inject: string[] = [];
  for (let attempt = 0; attempt < attempts; attempt++) {
    const out = tmpdir(t);
    t.teardown(() => unmountTree(out));
    const strace = ['-f', '-y', '-qq', '-o', log, '-e', 'trace=close', ...inject];
    const finished = await run('strace', [...strace, ...program(out)], { env });
    const calls = closes(readFileSync(log, 'utf8'), file);
    if (calls.some(({ failed, isFile }) => failed && isFile)) return { finished, out };
    const found = calls.find(({ isFile }) => isFile);
    if (found === undefined) throw new Error(`${file} was not closed: ${finished.stderr}`);
    inject = ['-e', `inject=close:error=EDQUOT:when=${found.number}`];
  }
  throw new Error(`the call that closes ${file} has no fixed number`);
}

function closes(log: string, file: RegExp): { number: number; isFile: boolean; failed: boolean }[] {
  const counts = new Map<string, number>();
  return log.split('\n').flatMap((line) => {
    const [, thread, path] = /^(\d+) +close\(\d+(?:<(.*?)>)?/.exec(line) ?? [];
    if (thread === undefined) return [];
    const number = (counts.get(thread) ?? 0) + 1;
    counts.set(thread, number);
    return [{ number, isFile: file.test(path ?? ''), failed: line.includes('INJECTED') }];
  });
}

interface Case {
  args(image: string, out: string): string[];
  /** the file whose close fails, also after its last rename */
  file: RegExp;
  message: RegExp;
  /** what is left, if not nothing */
  left?: string[];
}

const cases: Record<string, Case> = {
  unpack: {
    args: (image, out) => ['unpack', '--image', image, join(out, 'b')],
    file: /\/config\.json(\.[^/]*)?$/,
    message: /config\.json/,
  },
  'unpack --driver erofs': {
    args: (image, out) => [
      ...['unpack', '--driver', 'erofs', '--store', join(out, 's')],
      ...['--image', image, join(out, 'b')],
    ],
    file: /\/snapshots\/\d+\/\.layerhook-[^/]*\.tmp$/,
    message: /cannot write \S+\/layer\.erofs/,
    left: ['s'],
  },
  init: {
    args: (_, out) => ['init', '--layout', join(out, 'l')],
    file: /\/l\/index\.json(\.[^/]*)?$/,
    message: /index\.json/,
  },
  'copy to an archive': {
    args: (image, out) => ['copy', image, `oci-archive:${join(out, 'l.tar')}:x`],
    file: /\.tmp\/\d+$/,
    message: /writing \S+\/l\.tar/,
  },
  export: {
    args: (image, out) => ['export', '--image', image, '--output', join(out, 'x.tar')],
    file: /\/x\.tar$/,
    message: /cannot write \S+\/x\.tar/,
    // flushed and renamed before
    left: ['x.tar'],
  },
  'ctk install': {
    args: (_, out) => ['ctk', 'install', '--prefix', out],
    file: /\/bin\/layerhook-runtime(\.[^/]*)?$/,
    message: /cannot write \S+\/layerhook-runtime/,
  },
};

for (const [title, { args, file, message, left = [] }] of Object.entries(cases))
  test(`${title}: a close that fails`, async (t) => {
    if (!requires(t, 'root', 'strace')) return;
    const large = { name: 'large', content: randomBytes(3_000_000) };
    const { reference } = buildImage(t, [[large]]);
    const { finished, out } = await failingClose(t, file, (out) => [
      process.execPath,
      mainFile,
      ...args(reference, out),
    ]);
    await refused(t, Promise.resolve(finished), message);
    t.regex(finished.stderr, /quota/);
    t.deepEqual(readdirSync(out), left);
  });

test('archive_overlay: a close that fails', async (t) => {
  if (!requires(t, 'root', 'strace')) return;
  const box = stopped(t, (at) => writeFileSync(at('a'), ''));
  sh(box.merged, 'echo new > new');
  const program: Program = (out) => {
    box.start({ data: { 'mount-point': '/data', 'archive-to': join(out, 'data') } });
    writeFileSync(join(box.bundle, 'state.json'), box.state);
    const hook = 'exec "$0" "$1" --state-dir "$2" < "$3"';
    return ['sh', '-c', hook, process.execPath, script, tmpdir(t), join(box.bundle, 'state.json')];
  };
  const { finished, out } = await failingClose(t, /\.tmp\/new$/, program);
  t.is(finished.status, 1, finished.stderr);
  t.regex(finished.stderr, /level=error msg="Archive data failed: [^"]*data[^"]*quota/);
  t.deepEqual(readdirSync(out), []);
});
