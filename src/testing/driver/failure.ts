import { writeFileSync } from 'node:fs';
import { type ErrorCode, isLayerhookError } from '../../errors/index.js';
import type { Hooks } from '../../points/points.js';
import { type CaseWords, expect, expectTree } from '../case.js';
import { dir, file } from '../entries.js';
import type { BuiltImage, ImageOptions, RawLayer } from '../image.js';
import { LayerModel } from '../model.js';
import { tar } from '../tar.js';
import type { DriverCase } from './harness.js';
import { driverCase, type UnpackMore, type Workshop } from './workshop.js';

const wrongDigest = `sha256:${'0'.repeat(64)}` as const;

interface FailureCase extends CaseWords {
  code: ErrorCode;
  top?: (good: Buffer) => RawLayer;
  options?: ImageOptions;
  /** runs immediately before the unpack */
  spoil?: (image: BuiltImage) => void;
  unpack?: () => UnpackMore;
}

/** Makes the layers of each case unique, so that a store does not have them already. */
let different = 0;

const lower = () => [dir('d', { mode: 0o700 }), file('d/f', `lower ${different++}`)];
const upper = () => tar([file('d/g', `upper ${different++}`), file('d/.wh.f'), dir('e')]);

const rule = 'the unpack fails and leaves no bundle, mount or other trace, and no partial layer in the store';
const failing: Hooks = {
  'unpack.ociv1.bundle.config': () => {
    throw new Error('a failing hook');
  },
};

const cases: FailureCase[] = [
  {
    name: 'a layer with another diffID than in the image config',
    rule,
    source: 'image-spec config.md, "rootfs": diff_ids must be verified',
    code: 'DIFF_ID',
    options: { edit: { config: (config) => config.rootfs.diff_ids.splice(-1, 1, wrongDigest) } },
  },
  {
    name: 'a blob with another digest than in the manifest',
    rule,
    source: 'image-spec descriptor.md, "Digests"',
    code: 'BLOB_DIGEST',
    options: { compression: 'none' },
    spoil: ({ manifest, blob }) => {
      const { digest, size } = manifest.layers.at(-1)!;
      writeFileSync(
        blob(digest),
        Buffer.concat([tar([file('evil')], { trailer: false }), Buffer.alloc(size - 512)]),
      );
    },
  },
  {
    name: 'a truncated layer',
    rule,
    source: 'POSIX pax',
    code: 'TAR_INVALID',
    top: () => tar([file('d/g', Buffer.alloc(5000, `${different++}`))], { trailer: false }).subarray(0, 1500),
  },
  {
    name: 'a bad entry at the end of a layer',
    rule,
    source: 'image-spec layer.md, "Whiteouts"',
    code: 'LAYER_ENTRY',
    top: () => [file('d/g', `${different++}`), file('.wh.')],
  },
  {
    name: 'a hook that fails after the bundle is assembled',
    rule,
    source: 'docs/hook-protocol.md, "When a hook fails"; bundle.ociv1.remove removes the incomplete bundle',
    code: 'HOOK_FAILED',
    unpack: () => ({ hooks: [{ name: 'conformance', hooks: failing }] }),
  },
  {
    name: 'an abort after the first layer',
    rule,
    source: 'docs/drivers.md, "What a driver must get right": failure',
    code: 'ABORTED',
    unpack: () => abortAt('layer-done'),
  },
  {
    name: 'an abort before anything is extracted',
    rule,
    source: 'docs/drivers.md, "What a driver must get right": failure',
    code: 'ABORTED',
    unpack: () => abortAt('layers'),
  },
];

function abortAt(type: string): UnpackMore {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onProgress: (event) => {
      if (event.type === type) controller.abort();
    },
  };
}

function failureCase({ code, top, options, spoil, unpack, ...words }: FailureCase): DriverCase {
  return driverCase({
    ...words,
    name: `failure: ${words.name}`,
    run: async (workshop) => {
      const good: RawLayer[] = [lower(), upper()];
      const bad = top ? [good[0]!, top(good[1] as Buffer)] : good;
      const image = workshop.image(bad, options);
      spoil?.(image);
      const bundle = workshop.path('bundle');
      const outcome = await workshop.unpack(image, { ...unpack?.(), bundle }).catch((error) => error);
      expect(isLayerhookError(outcome), `the unpack did not fail with a LayerhookError: ${outcome}`);
      expect(outcome.code === code, `${outcome.code} (${outcome.message}), not ${code}`);
      workshop.assertNothingLeft(bundle);
      await unpackGood(workshop, good);
    },
  });
}

/** Unpacks the same layers intact: the store must not reuse content of the failed unpack. */
async function unpackGood(workshop: Workshop, layers: RawLayer[]): Promise<void> {
  const { tree } = await workshop.unpack(workshop.image(layers));
  expectTree(tree(), LayerModel.of(layers).tree());
}

export const failureCases = cases.map(failureCase);
