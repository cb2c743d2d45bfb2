import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { collectGarbage } from '../../src/image/gc.js';
import { openLayout } from '../../src/image/layout.js';
import { removeTag } from '../../src/image/references.js';
import { openStore } from '../../src/store/index.js';
import type { WorkProgress } from '../../src/system/work-progress.js';
import { layerhook, mainFile, succeed } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { play, runOnTerminal } from './terminal.js';

/** Enough to compress and to hash for more than a tenth of a second, after which progress shows. */
const size = 60_000_000;

function place(t: ExecutionContext<unknown>) {
  const dir = tmpdir(t);
  const env = { LAYERHOOK_STORE: join(dir, 'store'), XDG_CONFIG_HOME: '/nonexistent' };
  const { layout } = buildImage(t, [[{ name: 'a', content: 'a' }]], { tag: 'a' });
  mkdirSync(join(dir, 'source'));
  for (const name of ['one', 'two']) writeFileSync(join(dir, 'source', name), randomBytes(size / 2));
  const run = (...args: string[]) => layerhook(args, { env });
  t.teardown(async () => void (await run('bundle', 'umount', '--all')));
  const watch = (...args: string[]) => runOnTerminal(100, mainFile, ['--color=never', ...args], env);
  return { dir, layout, run, watch, bundle: join(dir, 'bundle'), source: join(dir, 'source') };
}

rootTest('insert, unpack and repack show bytes and files on a terminal, and leave nothing', (t) => {
  if (!requires(t, 'script')) return;
  const { layout, watch, bundle, source } = place(t);
  const inserted = watch('insert', '--image', `${layout}:a`, '--tag', 'b', source, '/source');
  t.regex(inserted, /packing the layer \[#*·*\] +\d+% {2}\d+\.\d MB {2}\d files?/);
  t.deepEqual(play(inserted).screen, []);
  const unpacked = watch('unpack', '--driver', 'overlay', '--image', `${layout}:b`, bundle);
  t.regex(unpacked, /layer 2\/2 [0-9a-f]{12} \[#*·*\] +\d+% {2}\d+\.\d MB {2}\d files?/);
  t.deepEqual(play(unpacked).screen, []);
  // hashing may take less than a tenth of a second: the test below checks the events of store verify
  const verified = watch('store', 'verify');
  t.regex(play(verified).screen.join('\n'), /^[0-9a-f]{12}: unchanged\n[0-9a-f]{12}: unchanged$/);
  writeFileSync(join(bundle, 'rootfs/new'), randomBytes(size / 2));
  const repacked = watch('repack', '--image', `${layout}:c`, bundle);
  t.regex(repacked, /packing the layer \[#*·*\] +\d+% {2}\d+\.\d MB {2}\d files?/);
  t.deepEqual(play(repacked).screen, []);
});

rootTest('without a terminal, --verbose has one line for each layer', async (t) => {
  const { layout, run, bundle } = place(t);
  const unpack = ['--verbose', 'unpack', '--driver', 'overlay', '--image', `${layout}:a`];
  const { stderr } = await run(...unpack, bundle);
  t.regex(stderr, /^layerhook: layer 1\/1 [0-9a-f]{12}: \d+(\.\d)? k?B, 1 file$/m);
  const again = await run(...unpack, `${bundle}2`);
  t.regex(again.stderr, /^layerhook: layer 1\/1 [0-9a-f]{12}: skipped by=driver overlay$/m);
  const verified = await run('--verbose', 'store', 'verify');
  t.regex(verified.stderr, /^layerhook: layer 1\/1 [0-9a-f]{12}: 1 B, 2 files$/m);
  t.notRegex((await run('store', 'verify')).stderr, /layer 1/);
});

test('gc reports each blob that nothing leads to', async (t) => {
  const { layout: path, manifest } = buildImage(t, [[{ name: 'a', content: 'a' }], [{ name: 'b' }]]);
  await removeTag(openLayout(path), 'latest');
  const seen: number[][] = [];
  const { removed, bytes } = await collectGarbage(openLayout(path), (progress) =>
    seen.push([progress.entries, progress.bytes, progress.done / progress.total]),
  );
  t.is(removed.length, manifest.layers.length + 2);
  t.deepEqual(
    seen.map(([entries]) => entries),
    removed.map((_, at) => at + 1),
  );
  t.deepEqual(seen.at(-1), [removed.length, bytes, 1]);
});

rootTest('store gc reports the files that it removes, also within one layer', async (t) => {
  const { dir, run, bundle } = place(t);
  const files = Array.from({ length: 300 }, (_, at) => ({ name: `file${at}`, content: 'content' }));
  const { reference } = buildImage(t, [files]);
  await succeed(t, run('unpack', '--driver', 'overlay', '--image', reference, bundle));
  await succeed(t, run('bundle', 'rm', bundle));
  await using store = await openStore({ root: join(dir, 'store') });
  const seen: WorkProgress[] = [];
  const { bytes } = await store.gc({ onFreed: (progress) => seen.push(progress) });
  const { total } = seen[0]!;
  t.true(total > 300, `${total}`);
  t.deepEqual(seen.at(0), { done: 0, total, bytes: 0, entries: 0 });
  t.deepEqual(seen.at(-1), { done: total, total, bytes, entries: total });
  const within = seen.slice(1, -1);
  t.deepEqual(
    within.map(({ done, entries }) => [done, entries]),
    [64, 128, 192, 256].map((files) => [files, files]),
  );
  t.deepEqual(
    within.map((progress) => progress.bytes),
    within.map(({ done }) => Math.floor((bytes * done) / total)),
  );
});
