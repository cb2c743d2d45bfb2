/** Bundles of containers that run, and refreshes that are killed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { isLayerhookError } from '../../../src/errors/index.js';
import { declined, type Hooks } from '../../../src/points/points.js';
import { silentLogger } from '../../../src/system/logger.js';
import { layerhook } from '../../helpers/cli.js';
import { copyLayout, debian } from '../../helpers/debian.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { diffTrees, treeOf } from '../../helpers/tree.js';
import { dir, file } from '../../layer/apply/harness.js';
import { overlayBundles } from './bundles.js';

test('the bundle of a running container is repacked, and not refreshed', async (t) => {
  const image = debian(t);
  if (!image || !requires(t, 'runc')) return;
  const bundles = overlayBundles(t, copyLayout(t, image.layout));
  await bundles.unpack('base');
  const file = join(bundles.bundle(), 'config.json');
  const spec = JSON.parse(readFileSync(file, 'utf8'));
  const script = 'echo in > /etc/container; rm /etc/issue; echo up; exec sleep 100';
  spec.process = { ...spec.process, terminal: false, args: ['/bin/sh', '-c', script] };
  writeFileSync(file, JSON.stringify(spec));
  const id = `layerhook-running-${process.pid}`;
  const runc = ['--root', tmpdir(t)];
  const container = spawn('runc', [...runc, 'run', '-b', bundles.bundle(), id], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(container, 'close');
  try {
    await once(container.stdout, 'data');
    const result = await bundles.repack('running');
    t.true(result.changes >= 3);
    const error = await t.throwsAsync(bundles.repack('refused', undefined, { refreshBundle: true }));
    t.true(isLayerhookError(error, 'BUNDLE_BUSY'), String(error));
  } finally {
    spawnSync('runc', [...runc, 'kill', id, 'KILL']);
    await ended;
  }
  await bundles.repack('refreshed', undefined, { refreshBundle: true });
  t.like(await bundles.repack('refreshed'), { changes: 0 });
  t.is(readFileSync(join(bundles.rootfs(), 'etc/container'), 'utf8'), 'in\n');
});

test('a container that is shown the whole host does not use the bundles there; a mount of one is a use', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const { layout } = buildImage(t, [[dir('.'), file('a')]]);
  const bundles = overlayBundles(t, layout);
  await bundles.unpack('latest');
  const shown = async (mount: string) => {
    const place = tmpdir(t);
    const script = `mount --rbind ${mount} ${place} && echo up && exec sleep 100`;
    const other = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(other, 'close');
    await once(other.stdout, 'data');
    return async () => {
      other.kill();
      await ended;
    };
  };
  const hide = await shown('/');
  writeFileSync(join(bundles.rootfs(), 'b'), '');
  await bundles.repack('shown', undefined, { refreshBundle: true });
  await hide();

  const release = await shown(bundles.rootfs());
  const error = await t.throwsAsync(bundles.repack('used', undefined, { refreshBundle: true }));
  t.true(isLayerhookError(error, 'BUNDLE_BUSY'), String(error));
  await release();
  await bundles.repack('free', undefined, { refreshBundle: true });
});

test('a refresh that nothing comes after but another, without changes, is brought to its end', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const { layout } = buildImage(t, [[dir('.'), file('a')]]);
  const bundles = overlayBundles(t, layout);
  await bundles.unpack('latest');
  writeFileSync(join(bundles.rootfs(), 'b'), 'changed');
  const before = readFileSync(join(bundles.bundle(), 'umoci.json'), 'utf8');
  const hooks: Hooks = {
    'bundle.ociv1.mount': () => {
      if (readFileSync(join(bundles.bundle(), 'umoci.json'), 'utf8') === before) return declined;
      throw new Error('killed');
    },
  };
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const named = [{ name: 'tests', hooks }];
  await t.throwsAsync(bundles.repack('killed', undefined, { refreshBundle: true, hooks: named, log }));
  const bundle = bundles.bundle();
  t.deepEqual(warnings, [`killed names the new image already: only the refresh of ${bundle} failed`]);
  t.like(await bundles.repack('next', undefined, { refreshBundle: true }), { changes: 0 });
  t.is(readFileSync(join(bundles.rootfs(), 'b'), 'utf8'), 'changed');
  t.like(await bundles.repack('again'), { changes: 0 });
});

test.serial('a refresh that is killed leaves a bundle that can be repacked', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const { layout } = buildImage(t, [
    [dir('.'), dir('d'), ...Array.from({ length: 20 }, (_, at) => file(`d/${at}`))],
  ]);
  const bundles = overlayBundles(t, layout);
  await bundles.unpack('latest');
  const refresh = (tag: string) => [
    'repack',
    '--refresh-bundle',
    '--image',
    `${layout}:${tag}`,
    bundles.bundle(),
  ];
  const change = (at: number) => {
    for (let n = 0; n < 5; n++) writeFileSync(join(bundles.rootfs(), 'd', `${at + n}`), `change ${at}`);
  };
  change(0);
  const started = performance.now();
  t.is((await layerhook(refresh('whole'))).status, 0);
  const whole = performance.now() - started;

  for (let at = 1; at <= 7; at++) {
    change(at);
    const before = treeOf(bundles.rootfs());
    await layerhook(refresh(`killed${at}`), {
      started: async (pid) => {
        await setTimeout((whole * (at + 1)) / 9);
        spawnSync('kill', ['-9', String(pid)]);
      },
    });
    await bundles.repack(`after${at}`);
    const plain = join(tmpdir(t), 'plain');
    await unpack({ image: `${layout}:after${at}`, bundle: plain, hooksFile: null, mtree: 'never' });
    t.deepEqual(
      diffTrees(treeOf(join(plain, 'rootfs')), before, (_, field) => field === 'mtime'),
      [],
      `${at}`,
    );
    await bundles.repack(`mounted${at}`, undefined, { refreshBundle: true });
    t.deepEqual(
      diffTrees(treeOf(bundles.rootfs()), before, (_, field) => field === 'mtime'),
      [],
      `${at}`,
    );
    t.like(await bundles.repack(`again${at}`), { changes: 0 });
  }
});
