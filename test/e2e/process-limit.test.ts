/** A limit of processes, as containers have: threads that cannot start are an error in one line. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Finished, mainFile, run } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

/** A user that nothing else runs as: all its processes count. It may read everything, so that the package may be anywhere. */
const user = [
  'setpriv',
  ...['--reuid=61234', '--regid=61234', '--clear-groups'],
  ...['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'],
];

/** Runs node under a limit of threads; a hang ends by SIGALRM after some seconds, which no test of a command expects. */
function limited(threads: number, cwd: string, args: string[], seconds = 60): Promise<Finished> {
  const alarm = ['perl', '-e', `alarm ${seconds}; exec @ARGV`];
  const [file, ...rest] = [...user, 'prlimit', `--nproc=${threads}`, ...alarm];
  // with threads of V8's own, node itself waits forever for one that did not start
  const env = {
    NODE_OPTIONS: '--v8-pool-size=0',
    HOME: cwd,
    XDG_CONFIG_HOME: cwd,
    NODE_DISABLE_COMPILE_CACHE: '1',
  };
  return run(file!, [...rest, process.execPath, ...args], { cwd, env });
}

/** The least number of threads with which node itself starts. With one too few it hangs. */
async function leastForNode(cwd: string): Promise<number> {
  for (let threads = 1; ; threads++) {
    const { status, stderr } = await limited(threads, cwd, ['-e', '0'], 10);
    if (status === 0 && stderr === '') return threads;
  }
}

/** Raises the limit, from the least for node, until the command works. Before, it must fail in one line. */
async function raise(
  t: ExecutionContext,
  { dir, least, args, clean }: { dir: string; least: number; args: string[]; clean: () => void },
): Promise<string[]> {
  const refusals: string[] = [];
  for (let threads = least; ; threads++) {
    const { status, signal, stderr, stdout } = await limited(threads, dir, [mainFile, ...args]);
    if (status === 0) return refusals;
    t.is(signal, null, `${threads} threads: ${stderr}`);
    t.is(stdout, '');
    t.regex(stderr, /^layerhook: cannot start [^\n]+\(EAGAIN\); raise the limit on processes [^\n]+\n$/);
    refusals.push(stderr);
    clean();
  }
}

test('unpack and repack under a limit of processes', async (t) => {
  if (!requires(t, 'root', 'setpriv', 'prlimit', 'perl')) return;
  const layers = [0, 1].map((layer) => [{ name: `f${layer}`, content: randomBytes(300_000) }]);
  const { layout } = buildImage(t, layers);
  const dir = tmpdir(t);
  mkdirSync(join(dir, 'bundles'));
  execFileSync('cp', ['-r', layout, join(dir, 'layout')]);
  execFileSync('chown', ['-R', '61234:61234', dir]);
  const unpack = ['unpack', '--rootless', '--image', 'layout:latest', 'bundles/b'];
  const least = await leastForNode(dir);
  const noBundle = () => t.deepEqual(readdirSync(join(dir, 'bundles')), []);
  const unpacking = await raise(t, { dir, least, args: unpack, clean: noBundle });
  for (const what of ['applying layers', 'reading layers', "node's pool"]) {
    t.true(
      unpacking.some((line) => line.includes(what)),
      `${what}: ${unpacking.join('')}`,
    );
  }
  writeFileSync(join(dir, 'bundles/b/rootfs/new'), randomBytes(300_000));
  const entries = () => readdirSync(join(dir, 'layout')).sort();
  const before = entries();
  const repack = ['repack', '--image', 'layout:new', 'bundles/b'];
  const asBefore = () => t.deepEqual(entries(), before);
  const repacking = await raise(t, { dir, least, args: repack, clean: asBefore });
  t.true(repacking.length > 0);
});
