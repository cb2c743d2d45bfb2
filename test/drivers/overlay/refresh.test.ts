import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../../src/image/layout.js';
import { resolveReference } from '../../../src/image/resolve.js';
import { buildImage } from '../../helpers/image.js';
import { entriesOf } from '../../helpers/layer.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';
import { dir, file, hardlink, symlink } from '../../layer/apply/harness.js';
import { sh } from '../../overlay/mounted.js';
import { type Bundles, overlayBundles } from './bundles.js';

const base = [
  dir('.', { mtime: 1_000_000_000 }),
  dir('etc', { mtime: 1_000_000_001 }),
  file('etc/a', 'a'),
  file('etc/b', 'b'),
  file('etc/c', 'c', { mtime: 7, pax: { mtime: '7.25' } }),
  hardlink('etc/d', 'etc/c'),
  dir('var', { mtime: 5 }),
  dir('var/data', { mtime: 6 }),
  file('var/data/db', 'old'),
  dir('gone'),
  file('gone/x'),
  symlink('link', 'etc'),
];

const changed = `
  echo changed > etc/a
  rm etc/b
  chmod 600 etc/d; chmod 644 etc/d
  rm -r gone; mkdir gone; echo new > gone/new
  rm link; mkdir link; ln etc/a link/hard
  echo new > var/data/db
  touch etc/plain
`;

async function unpacked(t: ExecutionContext<unknown>, config = {}): Promise<Bundles> {
  const { layout } = buildImage(t, [base], { config });
  const bundles = overlayBundles(t, layout);
  await bundles.unpack('latest');
  return bundles;
}

function namesIn(layout: string, tag: string): string[] {
  const opened = openLayout(layout);
  const { manifest } = resolveReference(opened, tag);
  return entriesOf(opened.blobPlace(manifest.layers.at(-1)!.digest).path).map(({ name }) => name);
}

test.beforeEach((t) => {
  requires(t, 'root', 'mount');
});

test('a repack holds the changes, and the bundle stays unchanged', async (t) => {
  const bundles = await unpacked(t);
  t.like(await bundles.repack('latest'), { changes: 0, layer: null });
  sh(bundles.rootfs(), changed);
  const before = treeOf(bundles.rootfs());
  await bundles.repack('new');
  t.deepEqual(namesIn(bundles.layout, 'new'), [
    ...['etc/.wh.b', 'gone/.wh.x', '.', 'etc', 'etc/a', 'etc/plain', 'gone', 'gone/new', 'link', 'link/hard'],
    ...['var', 'var/data', 'var/data/db'],
  ]);
  t.deepEqual(diffTrees(treeOf(bundles.rootfs()), before), []);
});

test('after a refresh nothing has changed, and nothing is extracted for another bundle', async (t) => {
  const bundles = await unpacked(t);
  sh(bundles.rootfs(), changed);
  const before = treeOf(bundles.rootfs());
  await bundles.repack('new', undefined, { refreshBundle: true });
  t.like(await bundles.repack('new'), { changes: 0, layer: null });
  t.deepEqual(readdirSync(bundles.upperdir()), []);
  t.like(await bundles.unpack('new', 'second'), { layers: 2, skipped: 2 });

  const seconds = (path: string, field: string) =>
    field === 'mtime' || (field === 'links' && /etc\/[cd]/.test(path));
  t.deepEqual(diffTrees(treeOf(bundles.rootfs()), before, seconds), []);
  t.deepEqual(diffTrees(treeOf(bundles.rootfs('second')), treeOf(bundles.rootfs())), []);
  const plain = join(tmpdir(t), 'umoci');
  if (!requires(t, 'umoci')) return;
  execFileSync('umoci', ['unpack', '--image', `${bundles.layout}:new`, plain], { stdio: 'ignore' });
  const times = (path: string, field: string) => field === 'mtime' && /etc\/[cd]/.test(path);
  t.deepEqual(diffTrees(treeOf(join(plain, 'rootfs')), treeOf(bundles.rootfs()), times), []);
});

test('a refreshed bundle is changed, repacked and refreshed again', async (t) => {
  const bundles = await unpacked(t);
  for (const tag of ['one', 'two', 'three']) {
    writeFileSync(join(bundles.rootfs(), 'etc', tag), tag);
    t.is((await bundles.repack(tag, undefined, { refreshBundle: true })).changes, 2);
  }
  t.like(await bundles.unpack('three', 'second'), { layers: 4, skipped: 4 });
  t.deepEqual(diffTrees(treeOf(bundles.rootfs('second')), treeOf(bundles.rootfs())), []);
});

test('a masked change stays in the bundle, and is found later', async (t) => {
  const bundles = await unpacked(t, { Volumes: { '/var/data': {} } });
  sh(
    bundles.rootfs(),
    `${changed}
 mkdir -p var/data/x/y; ln var/data/db var/data/x/link; rm -f var/data/none`,
  );
  sh(bundles.rootfs(), 'chmod 700 var/data; setfattr -n user.x -v y var/data/x');
  const before = treeOf(bundles.rootfs());
  await bundles.repack('new', undefined, { refreshBundle: true });
  t.false(namesIn(bundles.layout, 'new').some((name) => name.startsWith('var')));
  const now = treeOf(bundles.rootfs());
  t.deepEqual(
    diffTrees(
      now,
      before,
      (path, field) => field === 'mtime' || (field === 'links' && /etc\/[cd]/.test(path)),
    ),
    [],
  );
  for (const path of ['var', 'var/data', 'var/data/x', 'var/data/db'])
    t.is(now.get(path)?.mtime, before.get(path)?.mtime, path);
  t.like(await bundles.repack('new'), { changes: 0 });
  await bundles.repack('all', undefined, { maskVolumes: false });
  t.deepEqual(namesIn(bundles.layout, 'all'), [
    ...['var', 'var/data', 'var/data/db', 'var/data/x', 'var/data/x/link', 'var/data/x/y'],
  ]);
});

test('changes and deletions that a hook leaves out stay in the bundle', async (t) => {
  const bundles = await unpacked(t);
  sh(bundles.rootfs(), changed);
  const hooks = { 'repack.ociv1.layer.delta-list': () => [{ path: 'etc/a', kind: 'modify' as const }] };
  await bundles.repack('new', undefined, { refreshBundle: true, hooks: [{ name: 'tests', hooks }] });
  // a changed file is packed under all its names
  t.deepEqual(namesIn(bundles.layout, 'new'), ['etc', 'etc/a', 'link', 'link/hard']);
  t.false(existsSync(join(bundles.rootfs(), 'etc/b')));
  t.is(readFileSync(join(bundles.rootfs(), 'gone/new'), 'utf8'), 'new\n');
  t.false(existsSync(join(bundles.rootfs(), 'gone/x')));
});

test('a rootfs that is used is refused before an image is written', async (t) => {
  const bundles = await unpacked(t);
  sh(bundles.rootfs(), changed);
  const script = 'mount --bind "$0" /mnt && echo mounted && exec sleep 100';
  const container = spawn('unshare', ['-m', 'sh', '-c', script, bundles.rootfs()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => container.kill('SIGKILL'));
  await once(container.stdout, 'data');
  await t.throwsAsync(bundles.repack('new', undefined, { refreshBundle: true }), {
    message: /process \d+ has its rootfs mounted/,
  });
  t.false(readFileSync(join(bundles.layout, 'index.json'), 'utf8').includes('"new"'));
});

test('a rootfs whose mount is busy stays mounted, and can be repacked', async (t) => {
  const bundles = await unpacked(t);
  sh(bundles.rootfs(), changed);
  const sleeper = spawn('sleep', ['100'], { cwd: bundles.rootfs(), stdio: 'ignore' });
  t.teardown(() => sleeper.kill('SIGKILL'));
  const before = treeOf(bundles.rootfs());
  await t.throwsAsync(bundles.repack('new', undefined, { refreshBundle: true }), {
    message: /EBUSY|cannot unmount/,
  });
  t.deepEqual(diffTrees(treeOf(bundles.rootfs()), before), []);
  t.true((await bundles.repack('again')).changes > 0);
});

test('a bundle that is not mounted is mounted when a repack reads it', async (t) => {
  const bundles = await unpacked(t);
  sh(bundles.rootfs(), changed);
  execFileSync('umount', [bundles.rootfs()]);
  t.true((await bundles.repack('new')).changes > 0);
  t.is(readFileSync(join(bundles.rootfs(), 'etc/a'), 'utf8'), 'changed\n');
  execFileSync('umount', [bundles.rootfs()]);
  await bundles.repack('newer', undefined, { refreshBundle: true });
  t.like(await bundles.repack('newer'), { changes: 0 });
});

test('an image without layers', async (t) => {
  const { layout } = buildImage(t, []);
  const bundles = overlayBundles(t, layout);
  await bundles.unpack('latest');
  t.like(await bundles.repack('latest'), { changes: 0, layer: null });
  writeFileSync(join(bundles.rootfs(), 'first'), '1');
  await bundles.repack('one', undefined, { refreshBundle: true });
  t.deepEqual(namesIn(layout, 'one'), ['.', 'first']);
  t.like(await bundles.repack('one'), { changes: 0 });
});
