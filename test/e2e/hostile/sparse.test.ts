/** Sparse files: a hole of any size costs its maker nothing; hashing or writing it costs a second for a gigabyte. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { signalOnOpen } from '../../helpers/at-work.js';
import { layerhook, refused, succeed } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { sparseFile, sparseFormats } from '../../helpers/sparse.js';
import { tmpdir } from '../../helpers/tmp.js';
import { stopped } from '../../hooks/archive/setup.js';

const TiB = 2 ** 40;
const MiB = 2 ** 20;
const drivers = ['copy', 'overlay'] as const;

/** An unpack into a directory with nothing else in it. */
function unpacking(t: ExecutionContext<unknown>, image: string, ...options: string[]) {
  const [bundles, store] = [tmpdir(t), tmpdir(t)];
  const bundle = join(bundles, 'b');
  const args = ['unpack', '--store', store, ...options, '--image', image, bundle];
  t.teardown(() => void spawnSync('umount', ['-qR', join(bundle, 'rootfs')]));
  return { args, bundles, rootfs: join(bundle, 'rootfs') };
}

for (const driver of drivers) {
  for (const [format, entry] of Object.entries(sparseFormats)) {
    rootTest(`${driver}: a layer with a file of 4 TiB is refused, ${format}`, async (t) => {
      const image = buildImage(t, [[entry('var/big', 4 * TiB)]]);
      const { args, bundles } = unpacking(t, image.reference, '--driver', driver);
      await refused(t, layerhook(args), /var\/big \(4398046511104 bytes\).* --max-holes /);
      t.deepEqual(readdirSync(bundles), []);
    });
  }

  rootTest(
    `${driver}: the holes of all files and layers count together, and --max-holes says how many there may be`,
    async (t) => {
      const layers = ['a', 'b', 'c'].map((name) => [sparseFile(name, 100 * MiB)]);
      const image = buildImage(t, layers);
      const few = unpacking(t, image.reference, '--driver', driver, '--max-holes', '299MiB');
      await refused(t, layerhook(few.args), /all files up to [abc] \(314572800 bytes\)/);
      t.deepEqual(readdirSync(few.bundles), []);
      const enough = unpacking(t, image.reference, '--driver', driver, '--max-holes', '300MiB');
      await succeed(t, layerhook(enough.args));
      t.is(statSync(join(enough.rootfs, 'c')).size, 100 * MiB);
    },
  );

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    rootTest(`${driver}: ${signal} ends the hashing of a hole`, async (t) => {
      const image = buildImage(t, [[sparseFile('big', 4 * TiB)]]);
      const { args, bundles } = unpacking(t, image.reference, '--driver', driver, '--max-holes', '5TiB');
      const started = (pid: number) => signalOnOpen(pid, 'big', signal);
      const { status, stderr } = await layerhook(args, { started });
      t.is(status, signal === 'SIGINT' ? 130 : 143, stderr);
      t.deepEqual(readdirSync(bundles), []);
    });
  }
}

rootTest('without a manifest no hole is read, and any size is right that a file can have', async (t) => {
  const image = buildImage(t, [[sparseFile('big', 4 * TiB)]]);
  const { args, rootfs } = unpacking(t, image.reference, '--mtree', 'never');
  await succeed(t, layerhook(args));
  t.like(statSync(join(rootfs, 'big')), { size: 4 * TiB, blocks: 0 });
  const huge = buildImage(t, [[sparseFile('huge', Number.MAX_SAFE_INTEGER)]]);
  const most = `file-size=${Number.MAX_SAFE_INTEGER}`;
  await refused(
    t,
    layerhook(unpacking(t, huge.reference, '--mtree', 'never').args),
    /--limit file-size=SIZE/,
  );
  const onDisk = unpacking(t, huge.reference, '--mtree', 'never', '--max-holes', '1MB', '--limit', most);
  const { status, stderr } = await layerhook(onDisk.args);
  // a tmpfs has such files, a disk has not
  if (status !== 0)
    t.regex(stderr, /: huge: file too large \(EFBIG\); .*a file system that has such large files/);
  t.deepEqual(readdirSync(onDisk.bundles), status === 0 ? ['b'] : []);
});

rootTest('repack refuses the file of 8 TiB that a container made, and tags nothing', async (t) => {
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  for (const driver of drivers) {
    const { args, rootfs } = unpacking(t, image.reference, '--driver', driver);
    await succeed(t, layerhook(args));
    execFileSync('truncate', ['-s', '8T', join(rootfs, 'grown')]);
    const before = readFileSync(join(image.layout, 'index.json'), 'utf8');
    const repack = (...more: string[]) =>
      layerhook(['repack', ...more, '--image', `${image.layout}:new`, join(rootfs, '..')]);
    await refused(t, repack(), /grown \(8796093022208 bytes\).* --max-holes /);
    t.is(readFileSync(join(image.layout, 'index.json'), 'utf8'), before, driver);
    execFileSync('truncate', ['-s', '20M', join(rootfs, 'grown')]);
    await refused(t, repack('--max-holes', '19MiB'), /grown \(20971520 bytes\)/);
    await succeed(t, repack('--max-holes', '20MiB'));
    await succeed(t, layerhook(['rm', '--image', `${image.layout}:new`]));
  }
});

rootTest('insert refuses a file of 8 TiB', async (t) => {
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const dir = tmpdir(t);
  execFileSync('truncate', ['-s', '8T', join(dir, 'grown')]);
  const before = readFileSync(join(image.layout, 'index.json'), 'utf8');
  const insert = ['insert', '--image', image.reference, dir, '/data'];
  await refused(t, layerhook(insert), /grown \(8796093022208 bytes\).* --max-holes /);
  t.is(readFileSync(join(image.layout, 'index.json'), 'utf8'), before);
});

rootTest('an archive as a tar refuses a file of 8 TiB, one as a copy has its hole', (t) => {
  const box = stopped(t, (at) => writeFileSync(at('a'), ''));
  execFileSync('truncate', ['-s', '8T', join(box.merged, 'grown')]);
  const to = (name: string, more: Record<string, string>) => ({
    'mount-point': '/data',
    'archive-to': join(box.out, name),
    ...more,
  });
  const { status, log } = box.stop({ tar: to('x.tar', { method: 'tar' }), copy: to('copy', {}) });
  t.is(status, 1);
  t.regex(log, /grown \(8796093022208 bytes\).* which the method copy does not have/);
  t.deepEqual(readdirSync(box.out), ['copy']);
  t.like(statSync(join(box.out, 'copy/grown')), { size: 8 * TiB, blocks: 0 });
  t.false(existsSync(join(box.out, 'x.tar')));
});
