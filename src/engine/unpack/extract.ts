import type { Header } from 'mtree-ts';
import type { LayerSource, MapOptions } from '../../layer/types.js';
import type { LayerUnpacker } from '../../layer/unpacker.js';
import type { Dispatcher } from '../../points/dispatch.js';
import type { LayerContext, PointName, PreExtractResult } from '../../points/points.js';
import type { ProgressEvent } from '../progress.js';
import { InFlight } from './in-flight.js';
import type { ExtractionThreads } from './threads.js';

/** The layers of one image on their way into a bundle. */
export interface Extraction {
  layers: { context: LayerContext; source: LayerSource }[];
  dispatcher: Dispatcher;
  threads: ExtractionThreads;
  map: MapOptions;
  keepDirlinks: boolean;
  /** whether to keep what a manifest of the rootfs needs */
  manifest: boolean;
  onlyDriver(point: PointName): boolean;
  onProgress(event: ProgressEvent): void;
  /** aborted with the first failure, so that the layers beside it stop too; the threads have its signal */
  stop: AbortController;
}

export interface ExtractionResult {
  skipped: number;
  /** uncompressed bytes and tar entries of the layers that were extracted */
  bytes: number;
  entries: number;
  /** every layer was applied on top of the others into rootfs, by us */
  plain: boolean;
}

/** Layers that may be prepared while others are being extracted: what they hold (a lock, a directory) stays little. */
const LAYERS_AHEAD = 8;

/**
 * Takes every layer, lowest first, through try-skip, pre-extract, extraction and post-extract.
 *
 * Layers that a hook calls independent are extracted side by side, and post-extract still comes in layer order;
 * any other layer waits until all below it are complete. It returns only when nothing writes any more, also
 * when it fails.
 */
export async function extractLayers(extraction: Extraction): Promise<ExtractionResult> {
  const result: ExtractionResult = { skipped: 0, bytes: 0, entries: 0, plain: true };
  await announce(extraction);
  const extracting = new InFlight(LAYERS_AHEAD);
  const headerOf = manifestHeaders();
  let below: Promise<void> = Promise.resolve();
  const fail = (error: unknown) => extraction.stop.abort(error);
  try {
    for (const layer of extraction.layers) {
      await extracting.room();
      extraction.stop.signal.throwIfAborted();
      if (await skip(extraction, layer.context)) {
        result.skipped++;
        result.plain = false;
        continue;
      }
      const unpacker = await extraction.threads.unpacker();
      const plan = await planOf(extraction, layer.context);
      if (!plan.independent) await below;
      if (plan.independent || plan.format !== 'plain' || plan.target !== layer.context.rootfs)
        result.plain = false;
      const applying = extracting.add(apply(extraction, unpacker, layer, plan, result));
      below = finish(extraction, unpacker, { layer, plan, applying, below, result, headerOf });
      below.catch(fail);
      if (!plan.independent) await below;
    }
    await below;
    return result;
  } catch (error) {
    fail(error);
    await below.catch(() => {});
    throw extraction.stop.signal.reason;
  }
}

type Plan = Required<PreExtractResult>;
type Layer = Extraction['layers'][number];
type Applying = ReturnType<LayerUnpacker['apply']>;

async function announce({ layers, dispatcher, threads, onProgress }: Extraction): Promise<void> {
  onProgress({
    type: 'layers',
    layers: layers.map(({ context }) => ({
      digest: context.descriptor.digest,
      size: context.descriptor.size,
    })),
  });
  const asked =
    dispatcher.handles('unpack.ociv1.layer.try-skip') || dispatcher.handles('unpack.ociv1.layer.pre-extract');
  if (!asked) (await threads.unpacker()).prefetch(layers.map((layer) => layer.source));
}

async function skip({ dispatcher, onProgress }: Extraction, context: LayerContext): Promise<boolean> {
  const answer = await dispatcher.first('unpack.ociv1.layer.try-skip', context);
  if (!answer.handled || !answer.result.skip) return false;
  onProgress({ type: 'layer-skipped', index: context.index, by: answer.by });
  return true;
}

async function planOf({ dispatcher }: Extraction, context: LayerContext): Promise<Plan> {
  const answer = await dispatcher.first('unpack.ociv1.layer.pre-extract', context);
  const chosen = answer.handled ? answer.result : {};
  return {
    ...{
      target: context.rootfs,
      format: 'plain',
      overlayXattr: 'trusted',
      independent: false,
      digests: false,
    },
    ...chosen,
  };
}

function apply(
  { map, keepDirlinks, manifest, onProgress }: Extraction,
  unpacker: LayerUnpacker,
  { context, source }: Layer,
  { target, format, overlayXattr, independent, digests }: Plan,
  result: ExtractionResult,
): Applying {
  return unpacker.apply(source, target, {
    ...{ map, keepDirlinks, format, overlayXattr },
    alone: independent,
    manifest: digests || (manifest && result.plain),
    track: trackOf({ target, independent, digests }, result),
    onProgress: (progress) => onProgress({ type: 'layer-progress', index: context.index, ...progress }),
  });
}

/** Layers that were skipped have changed the directory behind the extractor's back. */
function trackOf(
  { target, independent, digests }: Pick<Plan, 'target' | 'independent' | 'digests'>,
  { skipped }: ExtractionResult,
): string | null {
  if (!independent) return `${target} ${skipped}`;
  return digests ? target : null;
}

/** What comes after a layer is extracted, once all below it are complete. */
async function finish(
  { dispatcher, onlyDriver, onProgress }: Extraction,
  unpacker: LayerUnpacker,
  given: {
    layer: Layer;
    plan: Plan;
    applying: Applying;
    below: Promise<void>;
    result: ExtractionResult;
    headerOf: ManifestHeaders;
  },
): Promise<void> {
  const { plan, result } = given;
  const { context } = given.layer;
  const [applied, lower] = await Promise.allSettled([given.applying, given.below]);
  if (applied.status === 'rejected') throw applied.reason;
  if (lower.status === 'rejected') throw lower.reason;
  const { bytes, entries } = applied.value;
  const { target, format, independent } = plan;
  await dispatcher.every('unpack.ociv1.layer.post-extract', {
    ...context,
    ...{ target, format, independent, applied: applied.value },
    writeManifest: async (file, { untouched = false } = {}) =>
      unpacker.writeSettledManifest(target, target, file, {
        header: await given.headerOf(target),
        untouched: untouched && onlyDriver('unpack.ociv1.layer.post-extract'),
      }),
  });
  result.bytes += bytes;
  result.entries += entries;
  onProgress({ type: 'layer-done', index: context.index, bytes, entries });
}

type ManifestHeaders = (tree: string) => Promise<Header>;

/** Headers of one unpack's manifests: who makes them, and when, is asked once. */
function manifestHeaders(): ManifestHeaders {
  let header: Header | undefined;
  return async (tree) => {
    header ??= (await import('mtree-ts/write')).currentHeader(tree);
    return { ...header, tree };
  };
}
