/** A file that cannot be opened during a refresh: the command says so, or the bundle is as the new image. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { layerhook, mainFile, run, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { btrfs } from './btrfs/loop.js';

const names = ['d', 'large'];
const opensChanged = /"(?:\S*\/)?(?:d|large)", .*INJECTED/;

for (const driver of ['copy', 'overlay', 'erofs', 'btrfs'])
  test.serial(`a refresh with ${driver} where a file cannot be opened`, async (t) => {
    if (!requires(t, 'root', 'strace')) return;
    const dir = driver === 'btrfs' ? btrfs(t) : tmpdir(t);
    if (!dir) return;
    const { layout, reference } = buildImage(t, [
      [
        { name: 'd/', type: '5' },
        { name: 'd/large', content: 'large' },
      ],
    ]);
    const store = join(dir, 'store');
    const log = join(dir, 'strace');
    const traced = async (name: string, ...words: string[]) => {
      const bundle = join(dir, name);
      t.teardown(() => layerhook(['bundle', 'rm', '--store', store, bundle]));
      await succeed(
        t,
        layerhook(['unpack', '--driver', driver, '--store', store, '--image', reference, bundle]),
      );
      appendFileSync(join(bundle, 'rootfs/d/large'), name);
      const repack = ['repack', '--refresh-bundle', '--store', store, '--image', `${layout}:${name}`, bundle];
      const trace = ['-f', '-qq', '-o', log, '-e', 'trace=openat', ...words];
      // an earlier time in the layer than in the bundle
      const env = { SOURCE_DATE_EPOCH: '1600000000', UV_THREADPOOL_SIZE: '1' };
      const done = await run('strace', [...trace, process.execPath, mainFile, ...repack], { env });
      return { ...done, bundle };
    };
    await succeed(t, traced('whole'));
    let faults = 0;
    for (const nth of openings(readFileSync(log, 'latin1'))) {
      const name = `fault-${nth}`;
      const { status, stderr, bundle } = await traced(name, '-e', `inject=openat:error=EIO:when=${nth}`);
      if (!opensChanged.test(readFileSync(log, 'latin1'))) continue;
      faults++;
      if (status !== 0) t.regex(stderr, /^layerhook: [^\n]*i\/o error \(EIO\)/m, name);
      else await requireNothingToPack(t, { bundle, store, layout, name });
    }
    t.true(faults > 0);
  });

/** Returns the numbers, in their threads, of the calls that open the changed file or its directory. */
function openings(log: string): Set<number> {
  const counts = new Map<string, number>();
  const found = new Set<number>();
  for (const line of log.split('\n')) {
    const [, thread, name] = /^(\d+) +openat\([^,]+, "([^"]*)"/.exec(line) ?? [];
    if (thread === undefined) continue;
    const nth = (counts.get(thread) ?? 0) + 1;
    counts.set(thread, nth);
    if (names.includes(name!.split('/').at(-1)!)) found.add(nth);
  }
  return found;
}

async function requireNothingToPack(
  t: ExecutionContext,
  { bundle, store, layout, name }: { bundle: string; store: string; layout: string; name: string },
): Promise<void> {
  const image = `${layout}:${name}-again`;
  await succeed(t, layerhook(['repack', '--store', store, '--image', image, bundle]));
  const layers = async (tag: string) =>
    JSON.parse(await succeed(t, layerhook(['inspect', '--json', `${layout}:${tag}`]))).layers.length;
  t.is(await layers(`${name}-again`), await layers(name), name);
}
