/** A full disk, Ctrl-C and kill -9 at any moment: what was there before is there after, and nothing more. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { signalIfRunning } from '../helpers/at-work.js';
import { type Finished, layerhook, succeed } from '../helpers/cli.js';
import { assertError } from '../helpers/hostile.js';
import { type BuiltImage, buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

/** An image that takes some tenths of a second to unpack. */
function bigImage(t: ExecutionContext): BuiltImage {
  const content = Buffer.alloc(20_000, 'layerhook ');
  const layers = [0, 1, 2].map((layer): RawEntry[] =>
    Array.from({ length: 2000 }, (_, at) => ({ name: `d${at % 50}/f${layer}-${at}`, content })),
  );
  return buildImage(t, layers);
}

for (const fileSystem of ['tmpfs', 'ext4'] as const) {
  test(`a full disk, ${fileSystem}`, async (t) => {
    if (!requires(t, 'root', ...(fileSystem === 'ext4' ? ['mkfs.ext4'] : []))) return;
    const image = bigImage(t);
    const mount = smallFileSystem(t, fileSystem);
    const before = treeOf(mount);
    const finished = await layerhook(['unpack', '--image', image.reference, join(mount, 'bundle')]);
    assertError(t, finished, 'NO_SPACE');
    t.true(finished.stderr.includes(`the file system ${mount} (${fileSystem}, `), finished.stderr);
    t.deepEqual(
      diffTrees(before, treeOf(mount), (_, field) => field === 'mtime'),
      [],
    );
  });
}

rootTest('repack onto a full disk leaves the layout unchanged', async (t) => {
  const mount = smallFileSystem(t, 'tmpfs');
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  execFileSync('cp', ['-a', image.layout, join(mount, 'layout')]);
  const bundle = join(tmpdir(t), 'bundle');
  await succeed(t, layerhook(['unpack', '--image', `${mount}/layout:latest`, bundle]));
  execFileSync('sh', ['-c', 'head -c 40000000 /dev/urandom > "$0"/rootfs/random', bundle]);
  const before = treeOf(mount);
  const finished = await layerhook(['repack', '--image', `${mount}/layout:new`, bundle]);
  assertError(t, finished, 'NO_SPACE');
  t.deepEqual(
    diffTrees(before, treeOf(mount), (path, field) => path !== 'layout/index.json' && field === 'mtime'),
    [],
  );
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  rootTest.serial(
    `${signal} at several moments of unpack leaves no bundle and nothing beside it`,
    async (t) => {
      const image = bigImage(t);
      const dir = tmpdir(t);
      const bundles = join(dir, 'bundles');
      mkdirSync(bundles);
      const unpack = ['unpack', '--image', image.reference, join(bundles, 'b')];
      let interrupted = 0;
      for (const wait of [0, 30, 80, 150, 250]) {
        const working = () => readdirSync(bundles).length > 0;
        const finished = await after(wait, signal, (started) => layerhook(unpack, { started }), working);
        if (finished.status === 0) execFileSync('rm', ['-rf', join(bundles, 'b')]);
        else {
          if (/interrupted/.test(finished.stderr)) interrupted++;
          t.true(
            finished.signal === signal || finished.status === (signal === 'SIGINT' ? 130 : 143),
            finished.stderr,
          );
          t.true(finished.stderr.split('\n').length <= 2, finished.stderr);
        }
        t.deepEqual(readdirSync(bundles), []);
      }
      t.true(interrupted > 0, 'it was interrupted while it worked');
    },
  );
}

rootTest.serial(
  'Ctrl-C at several moments of repack leaves the layout and the bundle unchanged',
  async (t) => {
    const image = bigImage(t);
    const bundle = join(tmpdir(t), 'bundle');
    await succeed(t, layerhook(['unpack', '--image', image.reference, bundle]));
    execFileSync('sh', ['-c', 'head -c 60000000 /dev/urandom > "$0"/rootfs/random', bundle]);
    const before = [treeOf(image.layout), treeOf(bundle)] as const;
    const unchanged = (path: string, field: string) => path !== 'index.json' && field === 'mtime';
    const ownTime = (path: string, field: string) => path === '.' && field === 'mtime';
    for (const wait of [150, 250, 400, 600]) {
      const repack = ['repack', '--image', `${image.layout}:new`, bundle];
      const finished = await after(wait, 'SIGINT', (started) => layerhook(repack, { started }));
      if (finished.status === 0) break;
      t.deepEqual(diffTrees(before[0], treeOf(image.layout), unchanged), [], `layout after ${wait} ms`);
      t.deepEqual(diffTrees(before[1], treeOf(bundle), ownTime), [], `bundle after ${wait} ms`);
    }
    t.pass();
  },
);

rootTest.serial(
  'after kill -9 the same command works, and no half bundle is taken for a whole one',
  async (t) => {
    const image = bigImage(t);
    const bundle = join(tmpdir(t), 'bundle');
    const unpack = ['unpack', '--image', image.reference, bundle];
    for (const wait of [150, 220, 300]) {
      const finished = await after(wait, 'SIGKILL', (started) => layerhook(unpack, { started }));
      if (finished.status !== 0) t.is(finished.signal, 'SIGKILL');
      // it may have been done, though it had not ended
      if (existsSync(bundle)) t.true(existsSync(join(bundle, 'umoci.json')));
      execFileSync('rm', ['-rf', bundle]);
    }
    await succeed(t, layerhook(unpack));
    t.is(treeOf(join(bundle, 'rootfs')).size, 1 + 50 + 6000);
  },
);

/** Runs a command and sends its process a signal a while after `working` says that it is at work. */
async function after(
  milliseconds: number,
  signal: NodeJS.Signals,
  command: (started: (pid: number) => Promise<void>) => Promise<Finished>,
  working: () => boolean = () => true,
): Promise<Finished> {
  const ended = new AbortController();
  const finished = await command(async (pid) => {
    while (!ended.signal.aborted && !working()) await setTimeout(1);
    await setTimeout(milliseconds);
    if (!ended.signal.aborted) signalIfRunning(pid, signal);
  });
  ended.abort();
  return finished;
}

/** A mounted file system of 32 MB with a file on it, unmounted when the test ends. */
function smallFileSystem(t: ExecutionContext, type: 'tmpfs' | 'ext4'): string {
  const dir = tmpdir(t);
  const mount = join(dir, 'mount');
  mkdirSync(mount);
  if (type === 'ext4') {
    execFileSync('truncate', ['-s', '32M', join(dir, 'disk')]);
    execFileSync('mkfs.ext4', ['-q', '-F', join(dir, 'disk')]);
    execFileSync('mount', ['-o', 'loop', join(dir, 'disk'), mount]);
  } else execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', mount]);
  t.teardown(() => void execFileSync('umount', [mount]));
  return mount;
}
