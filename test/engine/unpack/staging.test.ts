import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { isLayerhookError } from '../../../src/errors/index.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import type { Hooks } from '../../../src/points/points.js';
import { fromText } from '../../../src/system/bytes.js';
import { silentLogger } from '../../../src/system/logger.js';
import { mountBind, mountOverlay } from '../../../src/system/mount.js';
import { findMount, mountsBelow } from '../../../src/system/mountinfo.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

/** A directory whose mounts go when the test ends, an image, and hooks that mount an overlay at rootfs. */
function place(t: ExecutionContext): { dir: string; image: string; hooks: Hooks } {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const layer = join(dir, 'layer');
  for (const name of ['layer/etc', 'upper', 'work']) mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(layer, 'etc/motd'), 'mounted');
  const { reference } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const hooks: Hooks = {
    'unpack.ociv1.layer.try-skip': () => ({ skip: true }),
    'unpack.ociv1.bundle.assemble': ({ rootfs }) =>
      mountOverlay(
        {
          lowerdirs: [fromText(layer)],
          upperdir: fromText(join(dir, 'upper')),
          workdir: fromText(join(dir, 'work')),
        },
        fromText(rootfs),
      ),
  };
  return { dir, image: reference, hooks };
}

function isWhole(t: ExecutionContext, dir: string, bundle: string, others: string[] = []): void {
  const rootfs = join(bundle, 'rootfs');
  t.is(findMount(fromText(rootfs))?.type, 'overlay');
  t.is(readFileSync(join(rootfs, 'etc/motd'), 'utf8'), 'mounted');
  t.deepEqual(readdirSync(bundle).sort(), [
    'config.json',
    'layerhook.json',
    ...others,
    'rootfs',
    'umoci.json',
  ]);
  const overlays = mountsBelow(fromText(dir)).filter(({ type }) => type === 'overlay');
  t.is(overlays.length, 1, 'nothing is left mounted in the staging directory');
}

const options = { hooksFile: null, mtree: 'never' } as const;

rootTest('a mount at rootfs comes along when the bundle gets its name', async (t) => {
  const { dir, image, hooks } = place(t);
  const bundle = join(dir, 'bundle');
  await unpack({ image, bundle, hooks: [{ name: 'tests', hooks }], ...options });
  isWhole(t, dir, bundle);
});

for (const shared of [false, true]) {
  rootTest(
    `a mount at rootfs comes along into a directory that exists, ${shared ? 'shared' : 'private'}`,
    async (t) => {
      const { dir, image, hooks } = place(t);
      mountBind(fromText(dir), fromText(dir));
      execFileSync('mount', [shared ? '--make-shared' : '--make-private', dir]);
      const empty = join(dir, 'empty');
      mkdirSync(empty, { mode: 0o750 });
      const { ino } = statSync(empty);
      await unpack({ image, bundle: empty, hooks: [{ name: 'tests', hooks }], ...options });
      isWhole(t, dir, empty);
      t.like(statSync(empty), { ino, mode: 0o040750 }, 'it is the directory that was there');
      t.is(statSync(join(empty, 'rootfs')).mode & 0o7777, 0o755);
    },
  );
}

rootTest('a mount at rootfs moves along into a mount point that holds a foreign file', async (t) => {
  const { dir, image, hooks } = place(t);
  const bundle = join(dir, 'bundle');
  mkdirSync(bundle);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', bundle]);
  writeFileSync(join(bundle, 'notes'), 'mine');
  await unpack({ image, bundle, hooks: [{ name: 'tests', hooks }], force: true, ...options });
  isWhole(t, dir, bundle, ['notes']);
});

rootTest('the next unpack unmounts what a killed unpack left mounted, and does not empty it', async (t) => {
  const { dir, image, hooks } = place(t);
  const dead = join(dir, '.bundle.layerhook-dead01');
  mkdirSync(join(dead, 'rootfs'), { recursive: true });
  const kept = join(dir, 'kept');
  mkdirSync(kept);
  writeFileSync(join(kept, 'file'), 'kept');
  mountBind(fromText(kept), fromText(join(dead, 'rootfs')));
  const bundle = join(dir, 'bundle');
  await unpack({ image, bundle, hooks: [{ name: 'tests', hooks }], ...options });
  isWhole(t, dir, bundle);
  t.deepEqual(readdirSync(dir).sort(), ['bundle', 'kept', 'layer', 'upper', 'work']);
  t.deepEqual(readdirSync(kept), ['file']);
});

rootTest('a failed unpack unmounts its mounts, also without a hook', async (t) => {
  const { dir, image, hooks } = place(t);
  const fail = () => {
    throw new Error('no');
  };
  const bundle = join(dir, 'bundle');
  const error = await t.throwsAsync(
    unpack({
      image,
      bundle,
      hooks: [{ name: 'tests', hooks: { ...hooks, 'unpack.ociv1.bundle.config': fail } }],
      ...options,
    }),
  );
  t.true(isLayerhookError(error, 'HOOK_FAILED'), String(error));
  t.deepEqual(mountsBelow(fromText(dir)), []);
  t.deepEqual(readdirSync(dir).sort(), ['layer', 'upper', 'work']);
});

rootTest('an existing directory is closed to other users before a bundle appears in it', async (t) => {
  const { dir, image } = place(t);
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  for (const [mode, after] of [
    [0o755, 0o700],
    [0o2775, 0o2700],
    [0o700, 0o700],
    [0o750, 0o750],
  ] as const) {
    const bundle = join(dir, `mode-${mode}`);
    mkdirSync(bundle);
    chmodSync(bundle, mode);
    const fail = {
      'unpack.ociv1.bundle.config': () => writeFileSync(join(bundle, 'config.json'), '') as never,
    };
    await t.throwsAsync(unpack({ image, bundle, log, hooks: [{ name: 'tests', hooks: fail }], ...options }));
    t.is(statSync(bundle).mode & 0o7777, mode);
    rmSync(join(bundle, 'config.json'), { force: true });
    warnings.length = 0;
    await unpack({ image, bundle, log, ...options });
    t.is(statSync(bundle).mode & 0o7777, after);
    t.is(warnings.length, mode === after ? 0 : 1);
  }
  const bundle = join(dir, 'of another');
  mkdirSync(bundle);
  chownSync(bundle, 12_345, 12_345);
  warnings.length = 0;
  await unpack({ image, bundle, log, ...options });
  t.is(statSync(bundle).mode & 0o777, 0o755);
  t.regex(warnings.join(), /belongs to uid 12345, and other users may enter it/);
});
