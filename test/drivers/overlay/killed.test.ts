/** Commands that are killed at each system call that changes something: the store finds by itself what they leave. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { removeLeftovers } from '../../../src/engine/bundle/collect.js';
import { bundlesIn } from '../../../src/engine/bundle/list.js';
import { mountBundle } from '../../../src/engine/bundle/mount.js';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { repack } from '../../../src/engine/repack/repack.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import { openStore } from '../../../src/store/index.js';
import { silentLogger } from '../../../src/system/logger.js';
import { readMountInfo } from '../../../src/system/mountinfo.js';
import { mainFile, run } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

/** Calls that change something, under the names that old and new versions of node use. */
const calls = [
  ...['rename', 'renameat2', 'fdatasync', 'mkdir', 'unlink', 'unlinkat', 'rmdir'],
  ...['fsmount', 'move_mount', 'umount2'],
];

const config = { hooksFile: null } as const;

async function withStore<T>(
  root: string,
  use: (opened: Awaited<ReturnType<typeof openStore>>) => Promise<T>,
): Promise<T> {
  const opened = await openStore({ root });
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

/** Kills a command at the nth call. @returns false if the command ended before */
async function killed(
  t: ExecutionContext,
  { call, nth, store }: { call: string; nth: number; store: string },
  args: string[],
): Promise<boolean> {
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`];
  const strace = ['-f', '-qq', '-o', '/dev/null', ...inject, process.execPath, mainFile];
  const { status, stderr } = await run('strace', [...strace, ...args], {
    env: { XDG_CONFIG_HOME: '/nonexistent', LAYERHOOK_STORE: store },
  });
  t.true(status === 0 || status === null || status > 128, stderr);
  return status !== 0;
}

function place(t: ExecutionContext) {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const layers = [[{ name: 'base', content: 'base' }], [{ name: 'more', content: 'more' }]];
  const image = buildImage(t, layers).reference;
  const [store, bundle] = [join(dir, 'store'), join(dir, 'b')];
  const here = {
    ...{ dir, store, bundle, image },
    unpack: () => unpack({ image, bundle, driver: 'overlay', store, ...config }),
    states: () => withStore(store, async (opened) => (await bundlesIn(opened)).map(({ state }) => state)),
    /** What `store gc` does. @returns number of contents that stay */
    collect: () =>
      withStore(store, async (opened) => {
        await removeLeftovers(opened, { store, log: silentLogger, ...config });
        await opened.cleanup();
        await opened.gc();
        return readdirSync(join(store, 'snapshots')).length;
      }),
    /** Nothing is left after a garbage collection: no content, mark or mount. */
    async isEmpty(when: string) {
      t.is(await here.collect(), 0, when);
      t.deepEqual(readdirSync(join(store, 'locks')), ['use'], when);
      t.deepEqual(mountsBelow(dir), [], when);
    },
    /** Removes what the store did not know yet: a private directory. */
    async sweep() {
      await removeBundle({ bundle, force: true, store, ...config }).catch(() => {});
      t.deepEqual(
        readdirSync(dir).filter((name) => name.startsWith('.')),
        [],
      );
    },
    /** Calls `check` after a kill at each call. */
    async killEach(args: string[], prepare: () => unknown, check: (when: string) => Promise<void>) {
      let kills = 0;
      for (const call of calls)
        for (let nth = 1; ; nth++) {
          await prepare();
          if (!(await killed(t, { call, nth, store }, args))) break;
          kills += 1;
          await check(`${call} ${nth}`);
        }
      return kills;
    },
    async isWhole(when: string) {
      await mountBundle({ bundle, ...config });
      t.is(readFileSync(join(bundle, 'rootfs/more'), 'utf8'), 'more', when);
      t.deepEqual(await here.states(), ['mounted'], when);
    },
  };
  return here;
}

function mountsBelow(dir: string): string[] {
  const points = readMountInfo().map(({ mountPoint }) => mountPoint);
  return points.filter((path) => path.startsWith(`${dir}/`));
}

for (const existing of [false, true])
  rootTest(`unpack${existing ? ' into an empty directory' : ''}`, async (t) => {
    if (!requires(t, 'mount', 'strace')) return;
    const here = place(t);
    const args = ['unpack', '--driver', 'overlay', '--image', here.image, here.bundle];
    const prepare = async () => {
      await here.sweep();
      if (existing) mkdirSync(here.bundle, { recursive: true });
    };
    const kills = await here.killEach(args, prepare, async (when) => {
      if (!existsSync(here.store)) return;
      if (existsSync(join(here.bundle, 'umoci.json'))) {
        await here.isWhole(when);
        t.is(await here.collect(), 3, when);
        await removeBundle({ bundle: here.bundle, ...config });
        await here.isEmpty(when);
        return;
      }
      t.deepEqual(await here.states(), [], when);
      await here.isEmpty(when);
    });
    t.true(kills > 10, `${kills}`);
  });

rootTest('refresh', async (t) => {
  if (!requires(t, 'mount', 'strace')) return;
  const here = place(t);
  const { bundle, image } = here;
  const prepare = async () => {
    await here.sweep();
    await here.unpack();
    writeFileSync(join(bundle, 'rootfs/new'), 'new');
    mkdirSync(join(bundle, 'rootfs/masked'));
    writeFileSync(join(bundle, 'rootfs/masked/secret'), 'secret');
  };
  const options = ['--refresh-bundle', '--mask-path', '/masked', '--image', `${image}-next`];
  const kills = await here.killEach(['repack', ...options, bundle], prepare, async (when) => {
    t.is((await here.states()).length, 1, when);
    await here.collect();
    await withStore(here.store, async (opened) => t.is((await opened.bundles.list()).length, 1, when));
    await here.isWhole(when);
    for (const name of ['new', 'masked/secret']) t.true(existsSync(join(bundle, 'rootfs', name)), when);
    await repack({ image: `${image}-again`, bundle, ...config });
    await removeBundle({ bundle, ...config });
    await here.isEmpty(when);
  });
  t.true(kills > 10, `${kills}`);
});

rootTest('remove', async (t) => {
  if (!requires(t, 'mount', 'strace')) return;
  const here = place(t);
  const { bundle } = here;
  const prepare = async () => {
    if (!existsSync(bundle)) await here.unpack();
  };
  const kills = await here.killEach(['bundle', 'rm', bundle], prepare, async (when) => {
    const states = await here.states();
    t.true(states.length <= 1, when);
    t.notDeepEqual(states, ['missing'], when);
    await removeBundle({ bundle, force: true, store: here.store, ...config });
    await here.isEmpty(when);
  });
  t.true(kills > 5, `${kills}`);
});
