import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mountBundle, unmountBundle } from '../../../src/engine/bundle/mount.js';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { isLayerhookError } from '../../../src/errors/index.js';
import { mountAll, unmountAll, unmountTree } from '../../../src/overlay/mount.js';
import type { Driver } from '../../../src/points/points.js';
import type { Mount } from '../../../src/store/types.js';
import { fromText } from '../../../src/system/bytes.js';
import { silentLogger } from '../../../src/system/logger.js';
import { isMountPoint, mountBind } from '../../../src/system/mount.js';
import { mountsBelow } from '../../../src/system/mountinfo.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { until } from '../../helpers/until.js';

interface Place {
  dir: string;
  bundle: string;
  /** what the driver binds to rootfs */
  content: string;
  driver: Driver;
  calls: string[];
}

/** A bundle of a driver that binds a directory of its own to rootfs. */
async function unpacked(t: ExecutionContext): Promise<Place> {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const content = join(dir, 'content');
  const bundle = join(dir, 'bundles/one');
  mkdirSync(content);
  writeFileSync(join(content, 'file'), 'kept');
  const mounts: Mount[] = [{ type: 'bind', source: content, target: '', options: ['rw'] }];
  const calls: string[] = [];
  const driver: Driver = {
    name: './test-driver.js',
    hooks: {
      'unpack.ociv1.layer.try-skip': () => ({ skip: true }),
      'unpack.ociv1.bundle.assemble': ({ rootfs }) => mountAll(mounts, rootfs),
      'bundle.ociv1.mount': ({ rootfs }) => mountAll(mounts, rootfs),
      'bundle.ociv1.umount': async ({ rootfs }) => void (await unmountAll(rootfs)),
      'bundle.ociv1.remove': async ({ bundle: path, rootfs }) => {
        calls.push(`remove ${path === bundle}`);
        await unmountAll(rootfs);
      },
    },
    close: async () => void calls.push('close'),
  };
  const image = buildImage(t, [[{ name: 'a', content: 'a' }]]).reference;
  await unpack({ image, bundle, driver, hooksFile: null, mtree: 'never' });
  calls.length = 0;
  return { dir, bundle, content, driver, calls };
}

const config = { hooksFile: null } as const;

async function isRefused(t: ExecutionContext, call: Promise<unknown>, reason: RegExp): Promise<void> {
  const error = await t.throwsAsync(call);
  t.true(isLayerhookError(error, 'BUNDLE_BUSY'), String(error));
  t.regex(error!.message, reason);
}

rootTest('a bundle is unmounted and mounted again, each as often as one likes', async (t) => {
  const { bundle, driver, calls } = await unpacked(t);
  const rootfs = join(bundle, 'rootfs');
  for (const _ of [1, 2]) {
    t.deepEqual(await unmountBundle({ bundle, driver, ...config }), { bundle, handled: true });
    t.deepEqual(readdirSync(rootfs), []);
  }
  for (const _ of [1, 2]) {
    t.deepEqual(await mountBundle({ bundle, driver, ...config }), { bundle, handled: true });
    t.deepEqual(readdirSync(rootfs), ['file']);
  }
  t.is(mountsBelow(fromText(rootfs)).length, 1);
  t.deepEqual(calls, ['close', 'close', 'close', 'close']);
});

rootTest('a bundle of the copy driver has nothing to mount, and is removed', async (t) => {
  const dir = tmpdir(t);
  const bundle = join(dir, 'bundle');
  const image = buildImage(t, [[{ name: 'd/f', content: 'x' }]]).reference;
  await unpack({ image, bundle, ...config });
  t.deepEqual(await mountBundle({ bundle, ...config }), { bundle, handled: false });
  t.deepEqual(await unmountBundle({ bundle, ...config }), { bundle, handled: false });
  t.true(existsSync(join(bundle, 'rootfs/d/f')));
  t.deepEqual(await removeBundle({ bundle, ...config }), { bundle, removed: true, left: [] });
  t.deepEqual(readdirSync(dir), []);
  const error = await t.throwsAsync(removeBundle({ bundle, ...config }));
  t.true(isLayerhookError(error, 'BUNDLE_NOT_FOUND'), String(error));
  t.deepEqual(await removeBundle({ bundle, force: true, ...config }), { bundle, removed: false, left: [] });
});

rootTest('remove asks the driver, and deletes nothing that was mounted', async (t) => {
  const { dir, bundle, content, driver, calls } = await unpacked(t);
  await removeBundle({ bundle, driver, ...config });
  t.deepEqual(calls, ['remove true', 'close']);
  t.deepEqual(readdirSync(join(dir, 'bundles')), []);
  t.is(readFileSync(join(content, 'file'), 'utf8'), 'kept');
});

rootTest('a bundle with another mount in it stays unchanged, also by force', async (t) => {
  const { dir, bundle, content, driver, calls } = await unpacked(t);
  mkdirSync(join(dir, 'volume'));
  mkdirSync(join(content, 'proc'));
  const place = join(bundle, 'rootfs/proc');
  mountBind(fromText(join(dir, 'volume')), fromText(place));
  const reason = new RegExp(`mounted at ${place}$`);
  await isRefused(t, removeBundle({ bundle, driver, ...config }), reason);
  await isRefused(t, removeBundle({ bundle, driver, force: true, ...config }), reason);
  await isRefused(t, unmountBundle({ bundle, driver, ...config }), reason);
  t.true(isMountPoint(fromText(place)));
  t.false(calls.includes('remove true'));
});

rootTest('a bundle whose driver leaves its mount behind is not deleted', async (t) => {
  const { bundle, content, driver } = await unpacked(t);
  const lazy: Driver = { name: driver.name, hooks: {} };
  await isRefused(t, removeBundle({ bundle, driver: lazy, ...config }), /mounted at .*\/rootfs$/);
  t.true(existsSync(join(bundle, 'umoci.json')));
  t.deepEqual(readdirSync(content), ['file']);
});

rootTest('force removes a bundle whose driver is gone, and calls the hooks that are there', async (t) => {
  const { dir, bundle, content } = await unpacked(t);
  let called = 0;
  const hooks = { 'bundle.ociv1.remove': () => void called++ };
  const gone = { bundle, driver: './test-driver.js', hooks: [{ name: 'tests', hooks }], ...config };
  const error = await t.throwsAsync(removeBundle(gone));
  t.true(isLayerhookError(error, 'DRIVER_NOT_FOUND'), String(error));
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  await removeBundle({ ...gone, force: true, log });
  t.is(called, 1);
  t.regex(warnings.join('\n'), /^driver \S*\/test-driver\.js cannot be loaded: .*going on$/);
  t.deepEqual(readdirSync(join(dir, 'bundles')), []);
  t.deepEqual(readdirSync(content), ['file']);
});

rootTest(
  'force removes a bundle without the driver object that unpacked it, and calls the available hooks',
  async (t) => {
    const { dir, bundle, content } = await unpacked(t);
    let called = 0;
    const hooks = { 'bundle.ociv1.remove': () => void called++ };
    const error = await t.throwsAsync(removeBundle({ bundle, hooks: [{ name: 'tests', hooks }], ...config }));
    t.true(isLayerhookError(error, 'BUNDLE_DRIVER'), String(error));
    t.regex(
      error!.message,
      /cannot use the driver \.\/test-driver\.js of bundle .*: it was unpacked with a driver given as an object$/,
    );
    t.is(called, 0);
    await removeBundle({ bundle, hooks: [{ name: 'tests', hooks }], force: true, ...config });
    t.is(called, 1);
    t.deepEqual(readdirSync(join(dir, 'bundles')), []);
    t.deepEqual(readdirSync(content), ['file']);
  },
);

test('force never removes a directory that is not a bundle', async (t) => {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'file'), '');
  const error = await t.throwsAsync(removeBundle({ bundle: dir, force: true, ...config }));
  t.true(isLayerhookError(error, 'BUNDLE_NOT_FOUND'), String(error));
  t.deepEqual(readdirSync(dir), ['file']);
});

rootTest('a bundle that is a mount point is emptied', async (t) => {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', dir]);
  const image = buildImage(t, [[{ name: 'd/f', content: 'x' }]]).reference;
  await unpack({ image, bundle: dir, ...config });
  await removeBundle({ bundle: dir, ...config });
  t.deepEqual(readdirSync(dir), []);
});

test('a bundle that a container runs in is neither unmounted nor removed', async (t) => {
  if (!requires(t, 'root', 'unshare', 'ldd')) return;
  const { bundle, content, driver } = await unpacked(t);
  const sleep = execFileSync('sh', ['-c', 'command -v sleep'], { encoding: 'utf8' }).trim();
  const libraries = execFileSync('ldd', [sleep], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const file of [sleep, ...libraries]) {
    mkdirSync(join(content, dirname(file)), { recursive: true });
    cpSync(file, join(content, file), { dereference: true });
  }
  const command = `echo ready; exec chroot ${join(bundle, 'rootfs')} ${sleep} 600`;
  const container = spawn('unshare', ['-m', 'sh', '-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => container.kill('SIGKILL'));
  await once(container.stdout, 'data');
  const name = () => readFileSync(`/proc/${container.pid}/comm`, 'utf8');
  await until('the process sleeps in the rootfs', () => name() === 'sleep\n');
  const reason = new RegExp(`process ${container.pid} \\(sleep\\)`);
  await isRefused(t, unmountBundle({ bundle, driver, ...config }), reason);
  await isRefused(t, removeBundle({ bundle, driver, force: true, ...config }), reason);
  container.kill('SIGKILL');
  await once(container, 'exit');
  await removeBundle({ bundle, driver, ...config });
  t.false(existsSync(bundle));
});
