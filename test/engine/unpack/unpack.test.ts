import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  type Driver,
  type Hooks,
  isLayerhookError,
  type LayerContext,
  type PointName,
  type ProgressEvent,
  unpack,
} from '../../../src/index.js';
import type { Logger } from '../../../src/system/logger.js';
import { buildImage, type RawLayer } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';

const layers: RawLayer[] = [
  [
    { name: 'etc', type: 'dir', mode: 0o755 },
    { name: 'etc/a', content: 'lower a' },
    { name: 'etc/b', content: 'lower b' },
  ],
  [{ name: 'etc/.wh.a' }, { name: 'etc/b', content: 'upper b' }],
];

function place(t: ExecutionContext): { dir: string; bundle: string } {
  const dir = join(tmpdir(t), 'work');
  mkdirSync(dir);
  return { dir, bundle: join(dir, 'bundle') };
}

rootTest('every point is called in order, with the layer and the chain below it', async (t) => {
  const { bundle } = place(t);
  const image = buildImage(t, layers);
  const calls: string[] = [];
  const note = (point: PointName) => (context: object) => {
    calls.push(`${point.split('.').at(-1)} ${(context as LayerContext).index ?? ''}`.trim());
  };
  const seen: LayerContext[] = [];
  const hooks: Hooks = {
    'unpack.ociv1.layer.try-skip': (context) => {
      note('unpack.ociv1.layer.try-skip')(context);
      seen.push(context);
      return { skip: false };
    },
    'unpack.ociv1.layer.pre-extract': (context) => {
      note('unpack.ociv1.layer.pre-extract')(context);
      return { into: 'rootfs' as const };
    },
    'unpack.ociv1.layer.post-extract': note('unpack.ociv1.layer.post-extract'),
    'unpack.ociv1.bundle.assemble': note('unpack.ociv1.bundle.assemble'),
    'unpack.ociv1.bundle.config': ({ spec }) => {
      calls.push('config');
      return { ...spec, hostname: 'hooked' };
    },
  };
  await unpack({ image: image.reference, bundle, hooksFile: null, hooks: [{ name: 'tests', hooks }] });
  t.deepEqual(calls, [
    ...['try-skip 0', 'pre-extract 0', 'post-extract 0', 'try-skip 1', 'pre-extract 1', 'post-extract 1'],
    ...['assemble', 'config'],
  ]);
  t.deepEqual(seen[1]!.lowerChainIDs, [seen[0]!.chainID]);
  t.is(seen[1]!.diffID, image.config.rootfs.diff_ids[1]!);
  t.is(seen[1]!.bundle, bundle);
  t.deepEqual(seen[1]!.manifest.layers, image.manifest.layers);
  t.is(JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')).hostname, 'hooked');
  t.deepEqual(readdirSync(join(bundle, 'rootfs/etc')), ['b']);
});

rootTest(
  'layers with a directory of their own are extracted in parallel, and post-extract still comes in layer order',
  async (t) => {
    const { dir, bundle } = place(t);
    const many = Array.from(
      { length: 6 },
      (_, at): RawLayer => [
        // the lowest takes longest
        { name: `f${at}`, content: 'x'.repeat(at === 0 ? 8_000_000 : 10) },
      ],
    );
    const image = buildImage(t, many);
    const order: number[] = [];
    await unpack({
      ...{ image: image.reference, bundle, hooksFile: null, mtree: 'never' },
      hooks: [
        {
          name: 'tests',
          hooks: {
            'unpack.ociv1.layer.pre-extract': ({ index }) => {
              const target = join(dir, `layer${index}`);
              mkdirSync(target);
              return { into: 'directory', target, whiteouts: 'overlay' };
            },
            'unpack.ociv1.layer.post-extract': ({ index, target, applied }) => {
              order.push(index);
              t.is(applied.entries, 1);
              t.true(existsSync(join(target, `f${index}`)));
            },
          },
        },
      ],
    });
    t.deepEqual(order, [0, 1, 2, 3, 4, 5]);
    t.deepEqual(readdirSync(join(bundle, 'rootfs')), []);
  },
);

rootTest('hook sets are called in order, each with its own policy, and errors name them', async (t) => {
  const { bundle } = place(t);
  const image = buildImage(t, layers).reference;
  const point = 'unpack.ociv1.layer.post-extract';
  const called: string[] = [];
  const note = (name: string) => () => void called.push(name);
  const boom = () => {
    throw new Error('boom');
  };
  const warnings: string[] = [];
  const log: Logger = { debug() {}, info() {}, warn: (message) => warnings.push(message), error() {} };
  await unpack({
    ...{ image, bundle, hooksFile: null, log },
    hooks: [
      { name: 'one', hooks: { [point]: note('one') } },
      { name: 'lenient', hooks: { [point]: boom }, onFailure: 'continue' },
      { name: 'three', hooks: { [point]: note('three') } },
    ],
  });
  t.deepEqual(called.slice(0, 2), ['one', 'three']);
  t.true(
    warnings.some((message) => /hook lenient .*boom/.test(message)),
    warnings.join(),
  );
  const slow = { name: 'slow', hooks: { [point]: () => new Promise<void>(() => {}) }, timeout: 0.05 };
  const error = await t.throwsAsync(unpack({ image, bundle: `${bundle}2`, hooksFile: null, hooks: [slow] }));
  t.true(isLayerhookError(error, 'HOOK_TIMEOUT'), String(error));
  t.regex(error!.message, /slow/);
});

rootTest('a failing hook leaves no bundle and no litter, and the remove hook is called', async (t) => {
  for (const point of [
    'unpack.ociv1.layer.try-skip',
    'unpack.ociv1.layer.post-extract',
    'unpack.ociv1.bundle.config',
  ] as const) {
    const { dir, bundle } = place(t);
    let removed = 0;
    const fail = () => {
      throw new Error('no');
    };
    const error = await t.throwsAsync(
      unpack({
        ...{ image: buildImage(t, layers).reference, bundle, hooksFile: null },
        hooks: [{ name: 'tests', hooks: { [point]: fail, 'bundle.ociv1.remove': () => void removed++ } }],
      }),
    );
    t.true(isLayerhookError(error, 'HOOK_FAILED'), String(error));
    t.regex(error!.message, new RegExp(`tests.*${point.replaceAll('.', '\\.')}`));
    t.is(removed, 1);
    t.deepEqual(readdirSync(dir), []);
  }
});

rootTest('one failing layer stops those beside it, and its error is the one thrown', async (t) => {
  const { dir, bundle } = place(t);
  const image = buildImage(t, [
    [{ name: 'big', content: 'x'.repeat(30_000_000) }],
    [{ name: 'big', content: 'y'.repeat(30_000_000) }],
    [{ name: '.wh.', content: '' }],
  ]);
  const error = await t.throwsAsync(
    unpack({
      ...{ image: image.reference, bundle, hooksFile: null },
      hooks: [
        {
          name: 'tests',
          hooks: {
            'unpack.ociv1.layer.pre-extract': ({ index, rootfs }) => {
              const target = join(rootfs, `l${index}`);
              mkdirSync(target);
              return { into: 'directory', target, whiteouts: 'overlay' };
            },
          },
        },
      ],
    }),
  );
  t.true(isLayerhookError(error, 'LAYER_ENTRY'), String(error));
  t.deepEqual(readdirSync(dir), []);
});

rootTest('an aborted unpack fails with ABORTED and leaves nothing', async (t) => {
  const { dir, bundle } = place(t);
  const image = buildImage(t, [[{ name: 'big', content: 'x'.repeat(60_000_000) }]]);
  const controller = new AbortController();
  const started = unpack({
    ...{ image: image.reference, bundle, hooksFile: null, signal: controller.signal },
    hooks: [
      {
        name: 'tests',
        hooks: {
          'unpack.ociv1.layer.pre-extract': () => {
            setImmediate(() => controller.abort());
            return { into: 'rootfs' as const };
          },
        },
      },
    ],
  });
  const error = await t.throwsAsync(started);
  t.true(isLayerhookError(error, 'ABORTED'), String(error));
  t.deepEqual(readdirSync(dir), []);
});

rootTest(
  'an existing bundle is refused and stays unchanged; an existing empty directory becomes the bundle',
  async (t) => {
    const { dir, bundle } = place(t);
    const image = buildImage(t, layers).reference;
    mkdirSync(join(bundle, 'rootfs'), { recursive: true });
    const error = await t.throwsAsync(unpack({ image, bundle, hooksFile: null }));
    t.true(isLayerhookError(error, 'BUNDLE_EXISTS'));
    t.deepEqual(readdirSync(bundle), ['rootfs']);
    const other = join(dir, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'notes'), 'mine');
    const occupied = await t.throwsAsync(unpack({ image, bundle: other, hooksFile: null }));
    t.true(isLayerhookError(occupied, 'DIRECTORY_NOT_EMPTY'), String(occupied));
    t.deepEqual(readdirSync(other), ['notes']);
    await unpack({ image, bundle: other, force: true, hooksFile: null });
    t.is(readFileSync(join(other, 'notes'), 'utf8'), 'mine');
    t.true(existsSync(join(other, 'umoci.json')));
    t.deepEqual(
      readdirSync(other).filter((name) => name.startsWith('.')),
      [],
    );
  },
);

rootTest('the next unpack removes the remains of a killed one; a live one is left alone', async (t) => {
  const { dir, bundle } = place(t);
  const image = buildImage(t, layers).reference;
  mkdirSync(join(dir, '.bundle.layerhook-dead01/rootfs'), { recursive: true });
  let live: string[] = [];
  await unpack({
    ...{ image, bundle, hooksFile: null },
    hooks: [
      {
        name: 'tests',
        hooks: {
          'unpack.ociv1.bundle.assemble': async ({ rootfs }) => {
            await t.throwsAsync(
              unpack({
                image,
                bundle,
                hooksFile: null,
                hooks: [
                  {
                    name: 'inner',
                    hooks: {
                      'unpack.ociv1.bundle.config': () => {
                        throw new Error('stop');
                      },
                    },
                  },
                ],
              }),
            );
            live = readdirSync(join(rootfs, 'etc'));
          },
        },
      },
    ],
  });
  t.deepEqual(live, ['b']);
  t.deepEqual(readdirSync(dir), ['bundle']);
});

rootTest('the bundle is for its owner only', async (t) => {
  const { bundle } = place(t);
  await unpack({ image: buildImage(t, layers).reference, bundle, hooksFile: null });
  t.is(statSync(bundle).mode & 0o777, 0o700);
});

rootTest('progress tells every layer from its start to its end', async (t) => {
  const { bundle } = place(t);
  const events: ProgressEvent[] = [];
  const image = buildImage(t, layers);
  await unpack({
    image: image.reference,
    bundle,
    hooksFile: null,
    onProgress: (event) => void events.push(event),
  });
  t.deepEqual(events[0], {
    type: 'layers',
    layers: image.manifest.layers.map(({ digest, size }) => ({ digest, size })),
  });
  const done = events.filter((event) => event.type === 'layer-done');
  t.deepEqual(
    done.map(({ index, entries }) => [index, entries]),
    [
      [0, 3],
      [1, 2],
    ],
  );
});

rootTest('a driver object is closed when the last of its simultaneous operations is over', async (t) => {
  const dir = tmpdir(t);
  const image = buildImage(t, layers).reference;
  const at = (name: string) => ({ image, bundle: join(dir, name), driver, hooksFile: null });
  const calls: string[] = [];
  const driver: Driver = {
    name: 'shared',
    hooks: {
      'unpack.ociv1.bundle.assemble': async ({ bundle }) => {
        if (bundle.endsWith('/second')) await unpack(at('first'));
        calls.push(basename(bundle));
      },
    },
    close: async () => void calls.push('close'),
  };
  await unpack(at('second'));
  t.deepEqual(calls, ['first', 'second', 'close']);
  await unpack(at('third'));
  t.deepEqual(calls.slice(3), ['third', 'close']);
});
