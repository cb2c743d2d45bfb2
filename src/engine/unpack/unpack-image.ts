import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { layerSources } from '../../layer/sources.js';
import { imageContext, layerContexts } from '../../points/contexts.js';
import type { ImageContext } from '../../points/points.js';
import { generateSpec } from '../../spec/generate.js';
import { bootId } from '../../system/filesystem.js';
import { checkpoint } from '../../system/steps.js';
import { span } from '../../system/trace.js';
import { writeFileAtomic } from '../../system/write-file.js';
import { mtreePath, writeBundleMeta } from '../bundle/metadata.js';
import type { OpenedImage } from '../open-image.js';
import { type Operation, unmapped } from '../operation.js';
import { type Extraction, type ExtractionResult, extractLayers, trackOf } from './extract.js';
import type { UnpackOptions, UnpackResult } from './options.js';
import { setRootAttributes } from './root-attributes.js';
import { openStaging, type Staging } from './staging.js';
import type { ExtractionThreads } from './threads.js';

/** Does the work of `unpack` after the image is found and the hooks are loaded. The caller ends the threads. */
export async function unpackImage(
  options: UnpackOptions,
  { layout, image }: OpenedImage,
  operation: Operation,
  threads: ExtractionThreads,
): Promise<UnpackResult> {
  const staging = await openStaging(options.bundle, options);
  const map = options.map ?? unmapped;
  const { keepDirlinks = false } = options;
  const base = { bundle: resolve(options.bundle), rootfs: staging.rootfs, map, keepDirlinks };
  const context = imageContext({ ...base, signal: operation.stop.signal, log: operation.log }, layout, image);
  const sources = layerSources(layout, image, { ...options, limits: operation.limits });
  const layers = layerContexts(context).map((layer, at) => ({
    context: layer,
    source: sources[at]!,
  }));
  try {
    mkdirSync(staging.rootfs, { mode: 0o700 });
    setRootAttributes(staging.rootfs, map);
    const { plain, ...result } = await fill(operation, threads, staging, context, layers, options);
    // a rootfs that a driver made is on disk when the driver says so
    const boot =
      plain && existsSync(mtreePath(staging.path, image.manifestDescriptor.digest)) ? bootId() : undefined;
    writeBundleMeta(staging.path, {
      ...{ from: image.path, layout: layout.absolutePath, map, keepDirlinks, boot },
      ...{ driver: operation.driverChoice, state: operation.states.toJSON() },
    });
    await checkpoint(operation.stop.signal);
    const commit = span('commit', base.bundle);
    await staging.publish();
    commit();
    return {
      bundle: base.bundle,
      manifest: image.manifestDescriptor,
      layers: image.manifest.layers.length,
      ...result,
    };
  } catch (error) {
    // all writing must have ended
    await threads.close();
    await takeDown(operation, context);
    await staging.discard().catch((failure: Error) => {
      operation.log.warn(`${staging.path} is left behind: ${failure.message}`);
    });
    throw error;
  }
}

async function fill(
  operation: Operation,
  threads: ExtractionThreads,
  staging: Staging,
  context: ImageContext,
  layers: Extraction['layers'],
  options: UnpackOptions,
): Promise<ExtractionResult> {
  const { dispatcher, driver, config, onProgress, onlyDriver, stop } = operation;
  const mtree = (options.mtree ?? config?.mtree ?? driver.mtree ?? 'always') === 'always';
  const extracted = await extractLayers({
    layers,
    dispatcher,
    threads,
    map: context.map,
    keepDirlinks: options.keepDirlinks ?? false,
    mtree,
    onlyDriver,
    onProgress,
    stop,
  });
  const seen = layers.length > 0 && extracted.plain && rootfsPoints.every(onlyDriver);
  // the threads take a while to end; the caller waits for that
  if (!(mtree && seen)) void threads.close();
  onProgress({ type: 'phase', name: 'assemble' });
  const assemble = async () => {
    await dispatcher.first('unpack.ociv1.bundle.assemble', context);
    await writeConfig(operation, staging, context);
  };
  const file = mtreePath(staging.path, context.manifestDescriptor.digest);
  if (!mtree) {
    await assemble();
    return extracted;
  }
  const { currentHeader } = await import('mtree-ts/write');
  const header = currentHeader(join(context.bundle, 'rootfs'));
  if (seen) {
    // the manifest is written in its thread, while the driver works in this one
    const unpacker = await threads.unpacker();
    await bothDone(unpacker.writeMtree(trackOf(context.rootfs), context.rootfs, file, header), assemble());
  } else {
    await assemble();
    onProgress({ type: 'phase', name: 'mtree' });
    const { writeMtree } = await import('../bundle/write-mtree.js');
    await writeMtree(context.rootfs, file, header, { signal: stop.signal, maxHoles: operation.maxHoles });
  }
  return extracted;
}

/** Points where a hook may change the rootfs without the extractor's knowledge. Such a rootfs must be walked. */
const rootfsPoints = ['unpack.ociv1.layer.post-extract', 'unpack.ociv1.bundle.assemble'] as const;

/** Like Promise.all, but settles only after all promises have settled. */
async function bothDone(...promises: Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(promises)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

async function writeConfig(
  { dispatcher }: Operation,
  staging: Staging,
  context: ImageContext,
): Promise<void> {
  const spec = generateSpec(context, { rootfs: staging.rootfs, map: context.map });
  const changed = await dispatcher.chain('unpack.ociv1.bundle.config', { ...context, spec });
  writeFileAtomic(join(staging.path, 'config.json'), `${JSON.stringify(changed, null, '\t')}\n`);
}

/** Lets hooks and the driver undo what they made outside the staging directory: a mount, a snapshot. */
async function takeDown({ dispatcher, log }: Operation, context: ImageContext): Promise<void> {
  const signal = new AbortController().signal;
  await dispatcher
    .every('bundle.ociv1.remove', { ...context, signal })
    .catch((error: Error) => log.warn(`taking the unfinished bundle down: ${error.message}`));
}
