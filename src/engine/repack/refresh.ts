import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fsError } from '../../errors/fs-error.js';
import { chainIDs } from '../../image/chain.js';
import type { Layout } from '../../image/layout.js';
import type { ResolvedImage } from '../../image/types.js';
import type { WrittenLayer } from '../../layer/generate/write-layer.js';
import { layerSources } from '../../layer/sources.js';
import type { Change } from '../../layer/types.js';
import { imageContext, layerContexts } from '../../points/contexts.js';
import type { ImageContext } from '../../points/points.js';
import { exists } from '../../system/exists.js';
import { removeFile } from '../../system/regular-file.js';
import { flushDirectory, writeFileAtomic } from '../../system/write-file.js';
import { type BundleMeta, mtreePath, writeBundleMeta } from '../bundle/metadata.js';
import { isMtreeName } from '../bundle/names.js';
import { linkedController } from '../linked-controller.js';
import type { Operation } from '../operation.js';
import type { PackedEntries } from './refresh-mtree.js';

/** What a repack has made. */
interface Repacked {
  changes: Change[];
  /** mtree entries of the files in the layer; null if the bundle has no mtree */
  packed: PackedEntries | null;
  layer: WrittenLayer | null;
}

/**
 * Leaves a bundle as if the new image had been unpacked into it: new state first, umoci.json last, then what only the old
 * state needed goes. A kill in between leaves the old bundle, or the new one without its mount.
 */
export async function refreshBundle(
  operation: Operation,
  before: ImageContext,
  { layout, image, meta }: { layout: Layout; image: ResolvedImage; meta: BundleMeta },
  { changes, packed, layer }: Repacked,
): Promise<void> {
  const { dispatcher } = operation;
  const after = imageContext(before, layout, image);
  const { bundle } = before;
  const oldFile = mtreePath(bundle, before.manifestDescriptor.digest);
  const newFile = mtreePath(bundle, after.manifestDescriptor.digest);
  if (packed && exists(oldFile)) {
    const { readMtree } = await import('../bundle/mtree-check.js');
    const { refreshMtree } = await import('./refresh-mtree.js');
    writeFileAtomic(newFile, refreshMtree(await readMtree(oldFile), changes, packed));
  }
  const chainID = chainIDs(after.config.rootfs.diff_ids).at(-1);
  await dispatcher.first('repack.ociv1.layer.refresh-bundle', {
    ...{ ...after, changes },
    layer: layer && { descriptor: layer.descriptor, diffID: layer.diffID, chainID: chainID! },
    unpackLayer: async () => {
      if (layer !== null) await unpackTopLayer(operation, after, { layout, image });
    },
  });
  writeBundleMeta(bundle, { ...meta, state: operation.states.toJSON() });
  // before anything of the old state goes: a power loss must not bring back its names alone
  flushDirectory(bundle);
  removeOtherMtrees(bundle, newFile);
  await dispatcher.first('bundle.ociv1.mount', { ...after, claim: false });
}

/** Removes the mtrees of former images, also those that a killed refresh left. */
function removeOtherMtrees(bundle: string, kept: string): void {
  try {
    for (const name of readdirSync(bundle))
      if (isMtreeName(name) && join(bundle, name) !== kept) removeFile(join(bundle, name));
  } catch (error) {
    throw fsError(error, `removing the old mtree of ${bundle}`);
  }
}

/** Takes the highest layer of an image through the points of unpack. */
export async function unpackTopLayer(
  { dispatcher, stop, limits, maxHoles, log, onProgress, onlyDriver }: Operation,
  context: ImageContext,
  { layout, image }: { layout: Layout; image: ResolvedImage },
): Promise<void> {
  const { extractLayers } = await import('../unpack/extract.js');
  const { ExtractionThreads } = await import('../unpack/threads.js');
  // the hook that asked for this ends with what the layer failed with, not with the abort of the layers beside it
  const own = linkedController(stop.signal);
  const onWarning = (message: string) => log.warn(message);
  const threads = new ExtractionThreads({ signal: own.signal, onWarning, maxHoles });
  const layer = {
    context: layerContexts(context).at(-1)!,
    source: layerSources(layout, image, { limits }).at(-1)!,
  };
  const { map, keepDirlinks } = context;
  const rest = { map, keepDirlinks, mtree: false, onProgress, onlyDriver, stop: own };
  try {
    await extractLayers({ layers: [layer], dispatcher, threads, ...rest });
  } finally {
    await threads.close();
  }
}
