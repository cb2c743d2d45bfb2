import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openImage } from '../../../src/engine/open-image.js';
import type { ProgressEvent } from '../../../src/engine/progress.js';
import { extractLayers } from '../../../src/engine/unpack/extract.js';
import { ExtractionThreads } from '../../../src/engine/unpack/threads.js';
import { layerSources } from '../../../src/layer/sources.js';
import { imageContext, layerContexts } from '../../../src/points/contexts.js';
import { createDispatcher } from '../../../src/points/dispatch.js';
import { declined, type Hooks } from '../../../src/points/points.js';
import { silentLogger } from '../../../src/system/logger.js';
import { buildImage, type RawLayer } from '../../helpers/image.js';
import { tmpdir } from '../../helpers/tmp.js';
import { dir, file } from '../../layer/bench.js';
import { mtreeOf } from '../mtree.js';

const map = { uidMappings: [], gidMappings: [], rootless: process.getuid?.() !== 0 };
const three: RawLayer[] = [[dir('d'), file('d/a', 'a')], [file('d/b', 'b')], [file('d/c', 'c')]];

/** An extraction of layers with the hooks of a driver. */
function extraction(
  t: ExecutionContext<unknown>,
  { hooks = {}, layers = three }: { hooks?: Hooks; layers?: RawLayer[] } = {},
) {
  const directory = tmpdir(t);
  const rootfs = join(directory, 'rootfs');
  mkdirSync(rootfs);
  const built = buildImage(t, layers);
  const { layout, image } = openImage({ image: built.reference });
  const stop = new AbortController();
  const base = {
    bundle: directory,
    rootfs,
    map,
    keepDirlinks: false,
    signal: stop.signal,
    log: silentLogger,
  };
  const contexts = layerContexts(imageContext(base, layout, image));
  const sources = layerSources(layout, image);
  const threads = new ExtractionThreads({ signal: stop.signal });
  t.teardown(() => threads.close());
  const events: ProgressEvent[] = [];
  const run = () =>
    extractLayers({
      layers: contexts.map((context, at) => ({ context, source: sources[at]! })),
      dispatcher: createDispatcher([{ owner: 'driver test', hooks, ownErrors: true }], base),
      ...{ threads, map, stop, keepDirlinks: false, mtree: false, onlyDriver: () => true },
      onProgress: (event) => void events.push(event),
    });
  const own = (index: number) => {
    const path = join(directory, `layer-${index}`);
    mkdirSync(path, { recursive: true });
    return path;
  };
  return { rootfs, run, events, own, stop, built };
}

test('without hooks, all layers go to the rootfs', async (t) => {
  const { rootfs, run, events } = extraction(t);
  const { skipped, entries, plain, bytes } = await run();
  t.deepEqual([skipped, entries, plain], [0, 4, true]);
  t.true(bytes > 3 * 512);
  t.deepEqual(readdirSync(join(rootfs, 'd')), ['a', 'b', 'c']);
  const done = events.filter(({ type }) => type === 'layer-done') as { index: number }[];
  t.deepEqual(
    done.map(({ index }) => index),
    [0, 1, 2],
  );
});

test('a skipped layer gets no other point, and the result is not plain', async (t) => {
  const calls: string[] = [];
  const { rootfs, run, events } = extraction(t, {
    hooks: {
      'unpack.ociv1.layer.try-skip': ({ index }) => ({ skip: index === 0 }),
      'unpack.ociv1.layer.pre-extract': ({ index }) => {
        calls.push(`pre ${index}`);
        return declined;
      },
      'unpack.ociv1.layer.post-extract': ({ index, target }) => {
        t.is(target, rootfs);
        calls.push(`post ${index}`);
      },
    },
  });
  const { skipped, plain } = await run();
  t.deepEqual([skipped, plain], [1, false]);
  t.deepEqual(calls, ['pre 1', 'post 1', 'pre 2', 'post 2']);
  t.deepEqual(readdirSync(join(rootfs, 'd')), ['b', 'c']);
  t.true(events.some((event) => event.type === 'layer-skipped' && event.by === 'driver test'));
});

test('layers with directories of their own are prepared ahead, and post-extract comes in their order', async (t) => {
  const calls: string[] = [];
  const { rootfs, run, own } = extraction(t, {
    hooks: {
      'unpack.ociv1.layer.pre-extract': ({ index }) => {
        calls.push(`pre ${index}`);
        return { into: 'directory', target: own(index), whiteouts: 'overlay', mtree: true };
      },
      'unpack.ociv1.layer.post-extract': async ({ index, target, applied, writeMtree }) => {
        t.is(target, own(index));
        t.is(readFileSync(join(target, 'd', 'abc'[index]!), 'utf8'), 'abc'[index]!);
        t.deepEqual(applied.unsettled.implicitDirectories, index === 0 ? ['.'] : ['.', 'd']);
        const mtree = `${target}.mtree`;
        const { inodes } = await writeMtree(mtree);
        t.is(inodes, 3);
        t.is(withoutComments(readFileSync(mtree)), withoutComments(mtreeOf(target)));
        calls.push(`post ${index}`);
      },
    },
  });
  const { plain, entries } = await run();
  t.deepEqual([plain, entries], [false, 4]);
  t.deepEqual(
    calls.filter((call) => call.startsWith('pre')),
    ['pre 0', 'pre 1', 'pre 2'],
  );
  t.deepEqual(
    calls.filter((call) => call.startsWith('post')),
    ['post 0', 'post 1', 'post 2'],
  );
  // all are prepared before the slow post-extract of the first is over
  t.true(calls.indexOf('pre 2') < calls.indexOf('post 2'));
  t.deepEqual(readdirSync(rootfs), []);
});

function withoutComments(mtree: Buffer): string {
  return mtree.toString('latin1').replace(/^#.*\n/gm, '');
}

test('a layer on top waits for the post-extract of the layers below', async (t) => {
  const calls: string[] = [];
  const { rootfs, run, own } = extraction(t, {
    hooks: {
      'unpack.ociv1.layer.pre-extract': ({ index }) => {
        calls.push(`pre ${index}`);
        return index === 0 ? { into: 'directory', target: own(0), whiteouts: 'overlay' } : declined;
      },
      'unpack.ociv1.layer.post-extract': async ({ index }) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        t.is(existsSync(join(rootfs, 'd/b')), index > 0);
        calls.push(`post ${index}`);
      },
    },
  });
  await run();
  t.deepEqual(calls, ['pre 0', 'pre 1', 'post 0', 'post 1', 'pre 2', 'post 2']);
});

test('a failing post-extract fails all, and the layers above get no post-extract', async (t) => {
  const calls: string[] = [];
  const { run, own, stop } = extraction(t, {
    hooks: {
      'unpack.ociv1.layer.pre-extract': ({ index }) => ({
        ...{ into: 'directory', target: own(index), whiteouts: 'overlay' },
      }),
      'unpack.ociv1.layer.post-extract': ({ index }) => {
        calls.push(`post ${index}`);
        if (index === 1) throw new Error('the disk is on fire');
      },
    },
  });
  await t.throwsAsync(run(), { code: 'HOOK_FAILED', message: /disk is on fire/ });
  t.deepEqual(calls, ['post 0', 'post 1']);
  t.true(stop.signal.aborted);
});

test('a bad layer fails with its own error, not with the abort of the others', async (t) => {
  const { run, own, built } = extraction(t, {
    layers: [...three, Buffer.from('x'.repeat(600))],
    hooks: {
      'unpack.ociv1.layer.pre-extract': ({ index }) => ({
        ...{ into: 'directory', target: own(index), whiteouts: 'overlay' },
      }),
    },
  });
  t.is(built.manifest.layers.length, 4);
  await t.throwsAsync(run(), { code: 'TAR_INVALID' });
});
