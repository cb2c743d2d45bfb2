/** Several processes with one store: in parallel, killed, and without privileges. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import { signalIfRunning } from '../../helpers/at-work.js';
import { type Finished, layerhook, mainFile, run, succeed } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import type { RawEntry } from '../../helpers/tar.js';
import { diffTrees } from '../../helpers/tree.js';
import { onBtrfs } from './bundle.js';
import { btrfs, kept, subvolumes } from './loop.js';

const layers = Array.from({ length: 4 }, (_, layer): RawEntry[] => [
  { name: `layer-${layer}/`, type: 'dir' },
  ...Array.from({ length: 200 }, (_, file) => ({
    name: `layer-${layer}/file-${file}`,
    content: `${layer} ${file}`.repeat(200),
  })),
  { name: 'shared', content: `${layer}` },
]);

function unpackArgs(image: string, store: string, bundle: string): string[] {
  return ['--verbose', 'unpack', '--driver', 'btrfs', '--store', store, '--image', image, bundle];
}

function skipped({ stderr }: Finished): number {
  return Number(/ skipped=(\d+)/.exec(stderr)?.[1] ?? Number.NaN);
}

test.serial('eight processes that want one image extract each layer once', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint || !requires(t, 'python3')) return;
  const { reference } = buildImage(t, layers);
  const bundles = onBtrfs(mountpoint);
  const names = Array.from({ length: 8 }, (_, i) => `bundle-${i}`);
  const finished = await Promise.all(
    names.map((name) => layerhook(unpackArgs(reference, bundles.store, join(mountpoint, name)))),
  );
  t.deepEqual(
    finished.map(({ status, stderr }) => (status === 0 ? 0 : stderr)),
    names.map(() => 0),
  );
  const extracted = finished.map((process) => layers.length - skipped(process));
  t.is(
    extracted.reduce((sum, count) => sum + count, 0),
    layers.length,
  );
  for (const name of names.slice(1)) t.deepEqual(diffTrees(bundles.tree(names[0]!), bundles.tree(name)), []);
  t.is(kept(bundles.store).length, layers.length);
});

test.serial(
  'an unpack killed at any moment leaves whole layers, and remains that the next one removes',
  async (t) => {
    const mountpoint = btrfs(t);
    if (!mountpoint || !requires(t, 'python3')) return;
    const { reference } = buildImage(t, layers);
    const bundles = onBtrfs(mountpoint);
    let killed = 0;
    for (let delay = 120; delay < 700 && killed < 20; delay += 40) {
      const args = unpackArgs(reference, bundles.store, join(mountpoint, 'bundle'));
      const started = async (pid: number) => {
        await wait(delay);
        signalIfRunning(pid, 'SIGKILL');
      };
      const { signal } = await layerhook(args, { started });
      if (signal !== null) killed++;
      if (!existsSync(join(mountpoint, 'bundle'))) continue;
      // it was done, though perhaps not yet ended
      t.true(existsSync(join(mountpoint, 'bundle', 'umoci.json')));
      break;
    }
    t.true(killed > 0);
    if (existsSync(join(mountpoint, 'bundle'))) await bundles.remove('bundle');
    await bundles.unpack(reference, 'whole');
    const other = onBtrfs(join(mountpoint, '.'));
    await other.unpack(reference, 'fresh', { driverOptions: { store: join(mountpoint, 'fresh-store') } });
    t.deepEqual(diffTrees(bundles.tree('whole'), bundles.tree('fresh')), []);
    const whole = kept(bundles.store).sort();
    t.deepEqual(whole, kept(join(mountpoint, 'fresh-store')).sort());
    t.is(subvolumes(mountpoint).filter((path) => path.startsWith('store/')).length, layers.length);
  },
);

test.serial('making the next layer removes what a killed process began', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const bundles = onBtrfs(mountpoint);
  await bundles.unpack(buildImage(t, [layers[0]!]).reference, 'first');
  const left = join(bundles.store, 'btrfs', `sha256-${'0'.repeat(64)}.partial`);
  await succeed(t, run('btrfs', ['subvolume', 'create', left]));
  writeFileSync(join(left, 'file'), '');
  await bundles.unpack(buildImage(t, [layers[1]!]).reference, 'second');
  t.false(existsSync(left));
  t.is(kept(bundles.store).length, 2);
});

const remove = `
const { default: driver } = await import(process.argv[1]);
const [store, bundle] = process.argv.slice(2);
await driver({ store }).hooks['bundle.ociv1.remove']({ bundle, rootfs: bundle + '/rootfs' });
`;

test.serial('without privileges: unpack, repack, refresh, and remove file by file', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint || !requires(t, 'setpriv')) return;
  const { layout } = buildImage(t, [
    [{ name: 'd/', type: 'dir' }, ...layers[0]!, { name: 'd/gone', content: '' }],
    [{ name: 'd/.wh.gone' }, { name: 'd/here', content: '' }],
  ]);
  const home = join(mountpoint, 'home');
  mkdirSync(home);
  for (const path of [
    home,
    ...readdirSync(layout, { recursive: true, encoding: 'utf8' }).map((x) => join(layout, x)),
  ])
    chownSync(path, 65534, 65534);
  for (const path of [layout, join(layout, '..'), join(mountpoint, '..')]) chmodSync(path, 0o755);
  chownSync(layout, 65534, 65534);
  const asNobody = (...args: string[]) =>
    succeed(
      t,
      run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, ...args], {
        env: { XDG_CONFIG_HOME: '/nonexistent', HOME: home },
      }),
    );
  const [store, bundle] = [join(home, 'store'), join(home, 'bundle')];
  const unpack = ['unpack', '--rootless', '--driver', 'btrfs', '--store', store];
  await asNobody(mainFile, ...unpack, '--image', `${layout}:latest`, bundle);
  writeFileSync(join(bundle, 'rootfs/d/here'), 'changed');
  await asNobody(mainFile, 'repack', '--refresh-bundle', '--image', `${layout}:next`, bundle);
  await asNobody(mainFile, ...unpack, '--image', `${layout}:next`, join(home, 'again'));
  t.deepEqual(readdirSync(join(home, 'again/rootfs/d')), ['here']);
  t.is(kept(store).length, 3);
  const driver = join(process.cwd(), 'dist/drivers/btrfs/index.js');
  await asNobody('--input-type=module', '-e', remove, driver, store, bundle);
  t.deepEqual(readdirSync(bundle).includes('rootfs'), false);
  t.deepEqual(
    subvolumes(mountpoint).filter((path) => !path.includes('/store/')),
    ['home/again/rootfs'],
  );
});

test.serial('a refresh whose ioctl fails at any moment says so, or is complete', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint || !requires(t, 'strace')) return;
  const { reference, layout } = buildImage(t, layers.slice(0, 1));
  const { store } = onBtrfs(mountpoint);
  const bundle = join(mountpoint, 'bundle');
  await succeed(t, layerhook(unpackArgs(reference, store, bundle)));
  const repack = ['repack', '--refresh-bundle', '--image', `${layout}:next`, bundle];
  const log = join(mountpoint, 'strace');
  const words = (nth: number) => [
    '-f',
    '-qq',
    '-o',
    log,
    '-e',
    'trace=ioctl',
    '-e',
    `inject=ioctl:error=EIO:when=${nth}`,
  ];
  for (let nth = 1; nth === 1 || readFileSync(log, 'utf8').includes('INJECTED'); nth++) {
    writeFileSync(join(bundle, 'rootfs/changed'), `${nth}`);
    const { status, stderr } = await run('strace', [
      ...words(nth),
      '-P',
      join(bundle, 'rootfs'),
      process.execPath,
      mainFile,
      ...repack,
    ]);
    if (status !== 0) t.regex(stderr, /layerhook: [^\n]*i\/o error \(EIO\)[^\n]*\n$/);
    await succeed(t, layerhook(repack));
  }
});

test.serial('a repack removes what a killed repack has left in the store', async (t) => {
  const mountpoint = btrfs(t);
  if (!mountpoint) return;
  const { reference, layout } = buildImage(t, layers.slice(0, 1));
  const bundles = onBtrfs(mountpoint);
  await bundles.unpack(reference, 'bundle');
  const before = kept(bundles.store);
  writeFileSync(join(bundles.store, 'btrfs/locks/flush-dead'), '');
  execFileSync('btrfs', ['subvolume', 'create', join(bundles.store, 'btrfs/flush-dead.partial')]);
  writeFileSync(bundles.at('bundle', 'new'), 'new');
  await bundles.repack(`${layout}:new`, 'bundle');
  t.deepEqual(kept(bundles.store), before);
});
