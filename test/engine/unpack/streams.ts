import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Hooks, type PreExtractResult, type UnpackOptions, unpack } from '../../../src/index.js';
import { dir, file } from '../../../src/testing/entries.js';
import { tar } from '../../../src/testing/tar.js';
import { type BuiltImage, buildImage, type ImageOptions, type RawLayer } from '../../helpers/image.js';
import { tmpdir } from '../../helpers/tmp.js';

export const pre = 'unpack.ociv1.layer.pre-extract';
export const post = 'unpack.ociv1.layer.post-extract';
const remainder = Buffer.alloc(3_000_000, 'after the trailer');

/** A tar that does not fit into the buffers between layerhook and a program, with data after its trailer. */
export const large = Buffer.concat([tar([dir('d'), file('d/f', Buffer.alloc(2_000_000, 'x'))]), remainder]);
export const small = tar([file('g', 'g')]);

export interface Work {
  work: string;
  bundle: string;
  image: BuiltImage;
  run(
    answer: (index: number) => PreExtractResult,
    more?: Partial<UnpackOptions> & { hook?: Hooks },
  ): Promise<unknown>;
}

/** An image of these layers, and an unpack with a hook that says where each goes. */
export function setup(t: ExecutionContext, layers: RawLayer[], options: ImageOptions = {}): Work {
  const work = join(tmpdir(t), 'work');
  mkdirSync(work, { mode: 0o700 });
  const bundle = join(work, 'bundle');
  const image = buildImage(t, layers, options);
  const run: Work['run'] = (answer, { hook, ...more } = {}) =>
    unpack({
      ...{ image: image.reference, bundle, hooksFile: null, mtree: 'never' },
      hooks: [{ name: 'streams', hooks: { [pre]: ({ index }) => answer(index), ...hook } }],
      ...more,
    });
  return { work, bundle, image, run };
}

/** Shell words that a command runs; `$1` is the path. */
export function sh(script: string, path = ''): [string, ...string[]] {
  return ['/bin/sh', '-c', script, 'sh', path];
}

export function makeFifo(path: string): void {
  execFileSync('mkfifo', [path]);
}
