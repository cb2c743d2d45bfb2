/** Containers make directories deeper than any path: all of it must be removed, and within 2048 levels repacked. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fromText } from '../../src/system/bytes.js';
import { AT_FDCWD, close, O, openat, writeAll } from '../../src/system/files.js';
import { btrfs } from '../drivers/btrfs/loop.js';
import { type Finished, mainFile, run, succeed } from '../helpers/cli.js';
import { makeDeep } from '../helpers/deep.js';
import { assertError } from '../helpers/hostile.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { treeOf } from '../helpers/tree.js';

for (const driver of ['copy', 'overlay', 'btrfs']) {
  test.serial(`${driver}: a tree 1900 levels deep is repacked and unpacked again`, async (t) => {
    const place = placeFor(t, driver);
    if (place === null) return;
    const { bundle, image, layerhook } = await unpacked(t, place, driver);
    makeDeep(join(bundle, 'rootfs'), 1900, addLeaf(1900));
    await succeed(t, layerhook(['repack', '--image', image.reference, bundle]));
    await succeed(t, layerhook(['bundle', 'rm', bundle]));
    await succeed(t, layerhook(['unpack', '--driver', driver, '--image', image.reference, bundle]));
    t.true(treeOf(join(bundle, 'rootfs')).has(`${'d/'.repeat(1900)}leaf`));
    await removeAll(t, layerhook, bundle);
  });

  test.serial(
    `${driver}: paths that only fit Linux's limit without the bundle's path are repacked twice`,
    async (t) => {
      const place = placeFor(t, driver);
      if (place === null) return;
      const { bundle, image, layerhook } = await unpacked(t, place, driver);
      const [rootfs, deepest] = [join(bundle, 'rootfs'), 'd/'.repeat(2040)];
      makeDeep(rootfs, 2040, addLeaf(2040));
      await succeed(t, layerhook(['repack', '--image', image.reference, bundle]));
      await succeed(t, layerhook(['bundle', 'rm', bundle]));
      await succeed(t, layerhook(['unpack', '--driver', driver, '--image', image.reference, bundle]));
      changeLeaf(rootfs, deepest);
      await succeed(t, layerhook(['repack', '--refresh-bundle', '--image', image.reference, bundle]));
      await succeed(t, layerhook(['repack', '--image', image.reference, bundle]));
      await succeed(t, layerhook(['bundle', 'rm', bundle]));
      await succeed(t, layerhook(['unpack', '--driver', driver, '--image', image.reference, bundle]));
      const fd = openDeep(rootfs, deepest);
      for (const name of ['leaf', 'new'])
        t.is(readFileSync(`/proc/self/fd/${fd}/${name}`, 'utf8'), 'changed', name);
      close(fd);
      await removeAll(t, layerhook, bundle);
    },
  );

  test.serial(`${driver}: a path that no program can extract is not packed`, async (t) => {
    const place = placeFor(t, driver);
    if (place === null) return;
    const { bundle, image, layerhook } = await unpacked(t, place, driver);
    makeDeep(join(bundle, 'rootfs'), 2048, addLeaf(2048));
    assertError(t, await layerhook(['repack', '--image', image.reference, bundle]), 'LAYER_PATH');
    await removeAll(t, layerhook, bundle);
    await succeed(t, layerhook(['unpack', '--driver', driver, '--image', image.reference, bundle]));
    await removeAll(t, layerhook, bundle);
  });

  for (const depth of driver === 'btrfs' ? [5000] : [5000, 100_000]) {
    test.serial(`${driver}: a tree ${depth} levels deep is refused in one line, and removed`, async (t) => {
      const place = placeFor(t, driver);
      if (place === null) return;
      const { bundle, image, layerhook } = await unpacked(t, place, driver);
      makeDeep(join(bundle, 'rootfs'), depth);
      writeFileSync(join(place, 'canary'), '');
      assertError(t, await layerhook(['repack', '--image', image.reference, bundle]), 'LIMIT_EXCEEDED');
      await removeAll(t, layerhook, bundle);
      t.true(existsSync(join(place, 'canary')));
    });
  }
}

function placeFor(t: ExecutionContext, driver: string): string | null {
  if (driver === 'btrfs') return btrfs(t, { size: 2 ** 30 });
  return requires(t, 'root') ? tmpdir(t) : null;
}

async function unpacked(t: ExecutionContext, place: string, driver: string) {
  const image = buildImage(t, [[{ name: 'file', content: 'a' }]]);
  const bundle = join(place, 'bundle');
  const env = { XDG_CONFIG_HOME: '/nonexistent', LAYERHOOK_STORE: join(place, 'store') };
  // as many descriptors as a login shell has
  const limited = ['-c', 'ulimit -n 1024 && exec "$0" "$@"', process.execPath, mainFile];
  const layerhook = (args: string[]): Promise<Finished> => run('bash', [...limited, ...args], { env });
  await succeed(t, layerhook(['unpack', '--driver', driver, '--image', image.reference, bundle]));
  return { bundle, image, layerhook };
}

async function removeAll(
  t: ExecutionContext,
  layerhook: (args: string[]) => Promise<Finished>,
  bundle: string,
) {
  await succeed(t, layerhook(['bundle', 'rm', bundle]));
  await succeed(t, layerhook(['store', 'gc']));
  t.false(existsSync(bundle));
}

function addLeaf(bottom: number) {
  return (fd: number, depth: number) => {
    if (depth === bottom) close(openat(fd, 'leaf', O.WRONLY | O.CREAT | O.EXCL, 0o644));
  };
}

/** Replaces the leaf in a directory too deep for a path, and adds another file. */
function changeLeaf(rootfs: string, deepest: string): void {
  const fd = openDeep(rootfs, deepest);
  for (const name of ['leaf', 'new']) {
    const file = openat(fd, name, O.WRONLY | O.CREAT, 0o644);
    writeAll(file, Buffer.from('changed'), null);
    close(file);
  }
  close(fd);
}

/** Opens a directory whose path is too long from the root, but not from the rootfs. */
function openDeep(rootfs: string, path: string): number {
  const top = openat(AT_FDCWD, fromText(rootfs), O.RDONLY | O.DIRECTORY);
  try {
    return openat(top, path, O.RDONLY | O.DIRECTORY);
  } finally {
    close(top);
  }
}
