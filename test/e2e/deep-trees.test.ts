/** Containers make directories deeper than any path: all of it must be removed, and within 2048 levels repacked. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { close, O, openat } from '../../src/system/files.js';
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
