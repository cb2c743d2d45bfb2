/** A directory that others may write to, such as /tmp: names beside a bundle that another user, or this one, has put there. */
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import type { Hooks } from '../../../src/points/points.js';
import { fromText } from '../../../src/system/bytes.js';
import { isMountPoint, mountBind } from '../../../src/system/mount.js';
import { layerhook, succeed } from '../../helpers/cli.js';
import { hostileKinds, putHostile } from '../../helpers/hostile-names.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

function place(t: ExecutionContext, mode: number): { shared: string; bundle: string; image: string } {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  chmodSync(dir, 0o755);
  const shared = join(dir, 'shared');
  mkdirSync(shared);
  chmodSync(shared, mode);
  const image = buildImage(t, [[{ name: 'd/f', content: 'x' }]]).reference;
  return { shared, bundle: join(shared, 'bundle'), image };
}

for (const kind of hostileKinds) {
  rootTest(`a ${kind} with the name of a private directory is left alone`, async (t) => {
    const { shared, bundle, image } = place(t, 0o1777);
    const beside = putHostile(t, join(shared, '.bundle.layerhook-abc123'), kind);
    const before = { entry: beside.entry(), outside: beside.outside() };
    for (const args of [
      ['unpack', '--image', image, bundle],
      ['bundle', 'mount', bundle],
      ['bundle', 'umount', bundle],
      ['bundle', 'rm', bundle],
    ]) {
      await succeed(t, layerhook(args));
      t.deepEqual({ entry: beside.entry(), outside: beside.outside() }, before, args.join(' '));
    }
    t.deepEqual(readdirSync(shared), ['.bundle.layerhook-abc123']);
  });

  rootTest(`a ${kind} with such a name inside an existing directory is left alone`, async (t) => {
    const { bundle, image } = place(t, 0o1777);
    mkdirSync(bundle);
    const inside = putHostile(t, join(bundle, '.layerhook-abc123'), kind);
    const before = { entry: inside.entry(), outside: inside.outside() };
    await succeed(t, layerhook(['unpack', '--force', '--image', image, bundle]));
    t.deepEqual({ entry: inside.entry(), outside: inside.outside() }, before);
    await succeed(t, layerhook(['bundle', 'rm', bundle]));
    t.deepEqual({ entry: inside.entry(), outside: inside.outside() }, before);
    t.deepEqual(readdirSync(bundle), ['.layerhook-abc123']);
  });
}

for (const [mode, isSwept] of [
  [0o1777, true],
  [0o755, true],
  [0o777, false],
] as const) {
  const what = isSwept ? 'is removed' : 'may be another one renamed, and stays';
  rootTest(`our own leftover in a directory of mode ${mode.toString(8)} ${what}`, async (t) => {
    const { shared, bundle, image } = place(t, mode);
    for (const command of ['unpack', 'rm']) {
      const leftover = join(shared, '.bundle.layerhook-abc123');
      mkdirSync(join(leftover, 'rootfs'), { recursive: true });
      const args = command === 'rm' ? ['bundle', 'rm', bundle] : ['unpack', '--image', image, bundle];
      await succeed(t, layerhook(args));
      t.is(existsSync(leftover), !isSwept, command);
    }
  });
}

rootTest('a directory of ours whose name only begins like that of a private one stays', async (t) => {
  const { shared, bundle, image } = place(t, 0o755);
  mkdirSync(join(shared, '.bundle.layerhook-notes/kept'), { recursive: true });
  await succeed(t, layerhook(['unpack', '--image', image, bundle]));
  await succeed(t, layerhook(['bundle', 'rm', bundle]));
  t.deepEqual(readdirSync(join(shared, '.bundle.layerhook-notes')), ['kept']);
});

for (const isMounted of [false, true]) {
  const what = isMounted ? 'a mount' : 'files';
  rootTest(
    `a failed unpack spares another directory that has its name meanwhile, with ${what} in it`,
    async (t) => {
      const { shared, bundle, image } = place(t, 0o755);
      let stolen = '';
      const hooks: Hooks = {
        'unpack.ociv1.bundle.config': ({ rootfs }) => {
          const staging = dirname(rootfs);
          stolen = join(shared, 'stolen');
          renameSync(staging, stolen);
          mkdirSync(join(staging, 'rootfs'), { recursive: true });
          const kept = join(shared, 'kept');
          mkdirSync(kept);
          if (isMounted) mountBind(fromText(kept), fromText(join(staging, 'rootfs')));
          if (isMounted) mountBind(fromText(kept), fromText(join(stolen, 'rootfs')));
          writeFileSync(join(staging, 'rootfs/theirs'), 'theirs');
          throw new Error('no');
        },
      };
      await t.throwsAsync(
        unpack({ image, bundle, hooks: [{ name: 'tests', hooks }], hooksFile: null, mtree: 'never' }),
        {
          code: 'HOOK_FAILED',
        },
      );
      const [impostor] = readdirSync(shared).filter((name) => name.startsWith('.bundle.layerhook-'));
      t.truthy(impostor, 'it stays');
      t.deepEqual(readdirSync(join(shared, impostor!, 'rootfs')), ['theirs']);
      t.is(isMountPoint(fromText(join(shared, impostor!, 'rootfs'))), isMounted);
      t.deepEqual(readdirSync(stolen), [], `${basename(stolen)} was ours, and is emptied`);
    },
  );
}
