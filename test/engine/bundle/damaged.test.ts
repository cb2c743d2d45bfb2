/** Bundles that were deleted by hand while they were mounted: the store still knows them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { listBundles } from '../../../src/engine/bundle/list.js';
import { mountBundle, unmountBundle } from '../../../src/engine/bundle/mount.js';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { repack } from '../../../src/engine/repack/repack.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import { fromText } from '../../../src/system/bytes.js';
import { mountsBelow } from '../../../src/system/mountinfo.js';
import { layerhook, succeed } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

async function place(t: ExecutionContext) {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const image = buildImage(t, [[{ name: 'base', content: 'base' }]]).reference;
  const [store, bundle] = [join(dir, 'store'), join(dir, 'b')];
  const options = { bundle, store, hooksFile: null } as const;
  const make = () => unpack({ ...options, image, driver: 'overlay' });
  const states = async () => (await listBundles(options)).map(({ state }) => state);
  await make();
  return {
    ...{ dir, image, store, bundle, options, make, states },
    /** As rm -rf of a mounted bundle: rootfs is busy. */
    rmrf() {
      t.not(spawnSync('rm', ['-rf', bundle]).status, 0);
      t.deepEqual(readdirSync(bundle), ['rootfs']);
    },
    gc: () => layerhook(['store', 'gc', '--missing-bundles', '--store', store]),
    async isGone() {
      t.false(existsSync(bundle));
      t.deepEqual(mountsBelow(fromText(dir)), []);
      t.deepEqual(await states(), []);
      await make();
    },
  };
}

rootTest(
  'a bundle without files is damaged, and every command names the command that removes it',
  async (t) => {
    if (!requires(t, 'mount')) return;
    const { rmrf, states, options, image, bundle, isGone } = await place(t);
    rmrf();
    t.deepEqual(await states(), ['damaged']);
    for (const call of [mountBundle(options), removeBundle(options), repack({ ...options, image })]) {
      const error = await t.throwsAsync(call, { code: 'BUNDLE_DAMAGED', message: /umoci.json is missing/ });
      t.like(error, { hint: `remove it with its changes: layerhook bundle rm --force ${bundle}` });
    }
    t.like(await removeBundle({ ...options, force: true }), { removed: true, left: [] });
    await isGone();
  },
);

rootTest('umount works, and rm --force after that', async (t) => {
  if (!requires(t, 'mount')) return;
  const { rmrf, states, options, isGone } = await place(t);
  rmrf();
  t.like(await unmountBundle(options), { handled: true });
  t.like(await unmountBundle(options), { handled: false });
  t.deepEqual(await states(), ['damaged']);
  await removeBundle({ ...options, force: true });
  await isGone();
});

rootTest('gc --missing-bundles removes it, unless it is in use', async (t) => {
  if (!requires(t, 'mount')) return;
  const { rmrf, bundle, gc, states, store, isGone } = await place(t);
  rmrf();
  const inside = join(bundle, 'rootfs/proc');
  mkdirSync(inside);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', inside]);
  const { status, stdout, stderr } = await gc();
  t.is(status, 0, stderr);
  t.regex(stderr, /warning: bundle .* is in use: something is mounted at .*proc; unmount it first/);
  t.regex(stdout, /^damaged bundle .* still has /);
  t.deepEqual(await states(), ['damaged']);
  execFileSync('umount', [inside]);
  await succeed(t, gc());
  t.deepEqual(readdirSync(join(store, 'snapshots')), []);
  await isGone();
});

rootTest('files of others in its directory stay', async (t) => {
  if (!requires(t, 'mount')) return;
  const { bundle, options, states } = await place(t);
  writeFileSync(join(bundle, 'mine'), '');
  unlinkSync(join(bundle, 'umoci.json'));
  unlinkSync(join(bundle, 'layerhook.json'));
  t.deepEqual(await states(), ['damaged']);
  t.like(await removeBundle({ ...options, force: true }), { left: ['mine'] });
  t.deepEqual(readdirSync(bundle), ['mine']);
  t.deepEqual(await states(), []);
});

rootTest('another directory in its place is left alone', async (t) => {
  if (!requires(t, 'mount')) return;
  const { bundle, options, states, gc } = await place(t);
  await unmountBundle(options);
  rmSync(bundle, { recursive: true });
  mkdirSync(join(bundle, 'rootfs'), { recursive: true });
  t.deepEqual(await states(), ['missing']);
  await t.throwsAsync(removeBundle({ ...options, force: true }), { code: 'BUNDLE_NOT_FOUND' });
  t.deepEqual(readdirSync(bundle), ['rootfs']);
  await succeed(t, gc());
  t.deepEqual(readdirSync(bundle), ['rootfs']);
  t.deepEqual(await states(), []);
});

rootTest('a new bundle at the path of a missing one stays when gc removes the old changes', async (t) => {
  if (!requires(t, 'mount')) return;
  const { bundle, options, make, states, gc } = await place(t);
  await unmountBundle(options);
  renameSync(bundle, `${bundle}-moved`);
  rmSync(`${bundle}-moved`, { recursive: true });
  await make();
  t.deepEqual((await states()).sort(), ['missing', 'mounted']);
  await succeed(t, gc());
  t.deepEqual(await states(), ['mounted']);
  t.true(existsSync(join(bundle, 'rootfs/base')));
});

rootTest(
  'a bundle that a power loss took with its changes is not listed, and gc removes its record',
  async (t) => {
    if (!requires(t, 'mount')) return;
    const { bundle, options, store, states, make } = await place(t);
    await unmountBundle(options);
    rmSync(bundle, { recursive: true });
    // the layer is the first snapshot
    const [, changes] = readdirSync(join(store, 'snapshots'));
    rmSync(join(store, 'snapshots', changes!), { recursive: true });
    t.deepEqual(await states(), []);
    await make();
    t.deepEqual(await states(), ['mounted']);
    t.regex(await succeed(t, layerhook(['store', 'gc', '--store', store])), /^freed 0 B of 0 layers$/m);
    await removeBundle(options);
    await succeed(t, layerhook(['store', 'gc', '--store', store]));
    t.deepEqual(readdirSync(join(store, 'snapshots')), []);
  },
);

rootTest('a mounted bundle that is moved is listed where it is', async (t) => {
  if (!requires(t, 'mount')) return;
  const { bundle, options, gc } = await place(t);
  renameSync(bundle, `${bundle}-moved`);
  const moved = [{ bundle: `${bundle}-moved`, state: 'mounted', driver: 'overlay' }];
  const list = async () =>
    (await listBundles(options)).map(({ bundle, state, driver }) => ({ bundle, state, driver }));
  t.deepEqual(await list(), moved);
  await succeed(t, gc());
  t.deepEqual(await list(), moved);
});

rootTest('force removes the changes of a bundle whose metadata are malformed', async (t) => {
  if (!requires(t, 'mount')) return;
  const { bundle, options, isGone } = await place(t);
  writeFileSync(join(bundle, 'umoci.json'), '');
  writeFileSync(join(bundle, 'layerhook.overlay'), '');
  await removeBundle({ ...options, force: true });
  await isGone();
});
