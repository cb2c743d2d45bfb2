import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { layerSources } from '../../layer/sources.js';
import { imageContext, layerContexts } from '../../points/contexts.js';
import type { ImageContext } from '../../points/points.js';
import { generateSpec } from '../../spec/generate.js';
import { exists } from '../../system/exists.js';
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

/** A bundle that is being made. */
interface Making {
  operation: Operation;
  threads: ExtractionThreads;
  staging: Staging;
  context: ImageContext;
}

/** Does the work of `unpack` after the image is found and the hooks are loaded. The caller ends the threads. */
export async function unpackImage(
  options: UnpackOptions,
  { layout, image }: OpenedImage,
  operation: Operation,
  threads: ExtractionThreads,
): Promise<UnpackResult> {
  const sources = layerSources(layout, image, { ...options, limits: operation.limits });
  const staging = await openStaging(options.bundle, options);
  const { map = unmapped, keepDirlinks = false } = options;
  const place = { bundle: resolve(options.bundle), rootfs: staging.rootfs, map, keepDirlinks };
  const context = imageContext(
    { ...place, signal: operation.stop.signal, log: operation.log },
    layout,
    image,
  );
  const layers = layerContexts(context).map((layer, at) => ({ context: layer, source: sources[at]! }));
  const making = { operation, threads, staging, context };
  try {
    mkdirSync(staging.rootfs, { mode: 0o700 });
    setRootAttributes(staging.rootfs, map);
    const { plain, ...result } = await fill(making, layers, options);
    // a rootfs that a driver made is on disk when the driver says so
    const boot = plain && exists(mtreeOf(making)) ? bootId() : undefined;
    writeBundleMeta(staging.path, {
      ...{ from: image.path, layout: layout.absolutePath, map, keepDirlinks, boot },
      ...{ driver: operation.driverChoice, state: operation.states.toJSON() },
    });
    await checkpoint(operation.stop.signal);
    const commit = span('commit', place.bundle);
    await staging.publish();
    commit();
    const { manifestDescriptor: manifest, manifest: content } = image;
    return { bundle: place.bundle, manifest, layers: content.layers.length, ...result };
  } catch (error) {
    await discard(making);
    throw error;
  }
}

async function discard({ operation, threads, staging, context }: Making): Promise<void> {
  // all writing must have ended
  await threads.close();
  await takeDown(operation, context);
  await staging.discard().catch((failure: Error) => {
    operation.log.warn(`${staging.path} is left behind: ${failure.message}`);
  });
}

function mtreeOf({ staging, context }: Making): string {
  return mtreePath(staging.path, context.manifestDescriptor.digest);
}

/** Extracts the layers, lets the driver complete the rootfs, and writes config.json and the mtree manifest. */
async function fill(
  making: Making,
  layers: Extraction['layers'],
  options: UnpackOptions,
): Promise<ExtractionResult> {
  const { operation, threads, staging, context } = making;
  const { dispatcher, driver, config, onProgress, onlyDriver, stop } = operation;
  const mtree = (options.mtree ?? config?.mtree ?? driver.mtree ?? 'always') === 'always';
  const { map } = context;
  const { keepDirlinks = false } = options;
  const given = { layers, dispatcher, threads, map, keepDirlinks, mtree, onlyDriver, onProgress, stop };
  const extracted = await extractLayers(given);
  const isSeen = layers.length > 0 && extracted.plain && rootfsPoints.every(onlyDriver);
  // the threads take a while to end; the caller waits for that
  if (!(mtree && isSeen)) void threads.close();
  onProgress({ type: 'phase', name: 'assemble' });
  const assemble = async () => {
    await dispatcher.first('unpack.ociv1.bundle.assemble', context);
    await writeConfig(operation, staging, context);
  };
  if (mtree) await assembleWithMtree(making, isSeen, assemble);
  else await assemble();
  return extracted;
}

/** @param isSeen true: the threads know all files of the rootfs, so that it need not be walked */
async function assembleWithMtree(
  making: Making,
  isSeen: boolean,
  assemble: () => Promise<void>,
): Promise<void> {
  const { rootfs, bundle } = making.context;
  const { onProgress, stop, maxHoles } = making.operation;
  const file = mtreeOf(making);
  const { currentHeader } = await import('mtree-ts/write');
  const header = currentHeader(join(bundle, 'rootfs'));
  if (isSeen) {
    // the manifest is written in its thread, while the driver works in this one
    const unpacker = await making.threads.unpacker();
    await bothDone(unpacker.writeMtree(trackOf(rootfs), rootfs, file, header), assemble());
    return;
  }
  await assemble();
  onProgress({ type: 'phase', name: 'mtree' });
  const { writeMtree } = await import('../bundle/write-mtree.js');
  await writeMtree(rootfs, file, header, { signal: stop.signal, maxHoles });
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
