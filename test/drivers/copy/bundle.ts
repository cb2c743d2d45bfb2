import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { create, umociKeywords } from 'mtree-ts';
import copyDriver from '../../../drivers/copy/index.js';
import { filterChanges } from '../../../src/engine/repack/filter-changes.js';
import type { Change } from '../../../src/layer/types.js';
import type { DeltaContext, ImageContext, RefreshContext } from '../../../src/points/points.js';
import { declined } from '../../../src/points/points.js';
import { type SlotStorage, withSlots } from '../../../src/points/slot.js';
import { fromBuffer } from '../../../src/system/bytes.js';
import { silentLogger } from '../../../src/system/logger.js';
import { getXattr, listXattrs } from '../../../src/system/xattr.js';
import { tmpdir } from '../../helpers/tmp.js';

/** A bundle of the copy driver, without an image. */
export interface Bundle {
  rootfs: string;
  index: string;
  at(name: string): string;
  /** as after unpacking */
  assemble(): Promise<void>;
  /** sorted `kind path` lines; undefined if declined */
  delta(options?: { mtree?: string | null; mask?: string[]; digest?: string }): Promise<string[] | undefined>;
  refresh(changes: Change[], digest?: string): Promise<void>;
  /** umoci's manifest of the current rootfs */
  manifest(): string;
}

export const digest = `sha256:${'1'.repeat(64)}`;

/** @param fill makes the tree as unpacked */
export async function makeBundle(
  t: ExecutionContext<unknown>,
  fill: (at: (name: string) => string) => void = () => {},
): Promise<Bundle> {
  const rootfs = join(tmpdir(t), 'rootfs');
  mkdirSync(rootfs);
  const at = (name: string) => join(rootfs, name);
  fill(at);
  const { hooks } = await copyDriver();
  const slots: SlotStorage = new Map();
  const context = (manifest = digest) =>
    withSlots(
      {
        ...{ bundle: dirname(rootfs), rootfs, log: silentLogger, signal: new AbortController().signal },
        ...{
          map: { uidMappings: [], gidMappings: [], rootless: false },
          manifestDescriptor: { digest: manifest },
        },
      },
      slots,
    );
  const bundle: Bundle = {
    rootfs,
    index: join(dirname(rootfs), 'layerhook.index'),
    at,
    async assemble() {
      await hooks['unpack.ociv1.bundle.assemble']!(context() as unknown as ImageContext);
    },
    async delta({ mtree = null, mask = [], digest: manifest } = {}) {
      const asked = { ...context(manifest), mtree, maskPaths: mask } as unknown as DeltaContext;
      const changes = await hooks['repack.ociv1.layer.delta-list']!(asked);
      if (changes === declined) return undefined;
      return filterChanges([...(changes as Change[])], mask)
        .map(({ kind, path }) => `${kind} ${path}`)
        .sort();
    },
    async refresh(changes, manifest = digest) {
      const asked = { ...context(manifest), changes, layer: null } as unknown as RefreshContext;
      await hooks['repack.ociv1.layer.refresh-bundle']!(asked);
    },
    manifest() {
      const file = join(dirname(rootfs), 'manifest.mtree');
      writeMtree(rootfs, file);
      return file;
    },
  };
  await bundle.assemble();
  return bundle;
}

/** Writes umoci's mtree of a tree. */
export function writeMtree(rootfs: string, file: string): void {
  const fd = openSync(file, 'w');
  const xattrs = (path: Buffer) => {
    const name = fromBuffer(path);
    return new Map(listXattrs(name).map((xattr) => [xattr, getXattr(name, xattr)!]));
  };
  create(rootfs, (chunk) => void writeSync(fd, chunk), { keywords: umociKeywords, xattrs });
  closeSync(fd);
}
