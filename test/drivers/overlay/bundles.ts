import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type RepackOptions, type RepackResult, repack } from '../../../src/engine/repack/repack.js';
import type { UnpackResult } from '../../../src/engine/unpack/options.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { tmpdir } from '../../helpers/tmp.js';

/** A layout with a store, and bundles of its images. */
export interface Bundles {
  store: string;
  layout: string;
  unpack(tag: string, name?: string): Promise<UnpackResult>;
  repack(tag: string, name?: string, options?: Partial<RepackOptions>): Promise<RepackResult>;
  /** path in a bundle; without a name that of its rootfs */
  rootfs(name?: string): string;
  bundle(name?: string): string;
  /** key of a bundle's snapshot by its umoci.json, and its upperdir */
  upperdir(name?: string): string;
}

/** @param layout a layout of the test's own */
export function overlayBundles(t: ExecutionContext<unknown>, layout: string): Bundles {
  const dir = tmpdir(t);
  const store = join(dir, 'store');
  const bundle = (name = 'bundle') => join(dir, name);
  const rootfs = (name?: string) => join(bundle(name), 'rootfs');
  const names = new Set<string>();
  t.teardown(() => {
    for (const name of names) spawnSync('umount', ['-l', rootfs(name)]);
  });
  return {
    ...{ store, layout, bundle, rootfs },
    async unpack(tag, name) {
      names.add(name ?? 'bundle');
      const made = { image: `${layout}:${tag}`, bundle: bundle(name), hooksFile: null };
      return unpack({ ...made, driver: 'overlay', store });
    },
    repack: (tag, name, options = {}) =>
      repack({ image: `${layout}:${tag}`, bundle: bundle(name), hooksFile: null, ...options }),
    upperdir(name) {
      const options = execFileSync('findmnt', ['-n', '-o', 'OPTIONS', rootfs(name)], { encoding: 'utf8' });
      return /upperdir=([^,]+)/.exec(options)![1]!.trim();
    },
  };
}
