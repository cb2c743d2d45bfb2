import type { LayerSource, MapOptions } from '../layer/types.js';
import type { LayerUnpacker } from '../layer/unpacker.js';
import type { Dispatcher } from './dispatch.js';
import type { ProgressEvent } from './log.js';
import type { LayerContext, PreExtractResult } from './points.js';

/** The layers of one image on their way into a bundle. */
export interface Extraction {
  layers: { context: LayerContext; source: LayerSource }[];
  dispatcher: Dispatcher;
  unpacker: LayerUnpacker;
  map: MapOptions;
  keepDirlinks: boolean;
  /** whether to keep what a manifest of the rootfs needs */
  manifest: boolean;
  onProgress(event: ProgressEvent): void;
  /** aborted with the first failure, so that the layers beside it stop too; the unpacker has its signal */
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

/**
 * Takes every layer, lowest first, through try-skip, pre-extract, extraction and post-extract.
 *
 * Layers that a hook calls independent are extracted side by side, and post-extract still comes in layer order;
 * any other layer waits until all below it are complete. It returns only when nothing writes any more, also
 * when it fails.
 */
export async function extractLayers(extraction: Extraction): Promise<ExtractionResult> {
  const result: ExtractionResult = { skipped: 0, bytes: 0, entries: 0, plain: true };
  announce(extraction);
  let below: Promise<void> = Promise.resolve();
  const fail = (error: unknown) => extraction.stop.abort(error);
  try {
    for (const layer of extraction.layers) {
      extraction.stop.signal.throwIfAborted();
      if (await skip(extraction, layer.context)) {
        result.skipped++;
        result.plain = false;
        continue;
      }
      const plan = await planOf(extraction, layer.context);
      if (!plan.independent) await below;
      if (plan.independent || plan.format !== 'plain' || plan.target !== layer.context.rootfs)
        result.plain = false;
      below = extractOne(extraction, layer, plan, below, result);
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

function announce({ layers, dispatcher, unpacker, onProgress }: Extraction): void {
  onProgress({
    type: 'layers',
    layers: layers.map(({ context }) => ({
      digest: context.descriptor.digest,
      size: context.descriptor.size,
    })),
  });
  const asked =
    dispatcher.handles('unpack.ociv1.layer.try-skip') || dispatcher.handles('unpack.ociv1.layer.pre-extract');
  if (!asked) unpacker.prefetch(layers.map((layer) => layer.source));
}

async function skip({ dispatcher, onProgress }: Extraction, context: LayerContext): Promise<boolean> {
  const answer = await dispatcher.first('unpack.ociv1.layer.try-skip', context);
  if (!answer.handled || !answer.result.skip) return false;
  onProgress({ type: 'layer-skipped', index: context.index, by: answer.by });
  return true;
}

async function planOf(
  { dispatcher }: Extraction,
  context: LayerContext,
): Promise<Required<PreExtractResult>> {
  const answer = await dispatcher.first('unpack.ociv1.layer.pre-extract', context);
  const chosen = answer.handled ? answer.result : {};
  return { target: context.rootfs, format: 'plain', independent: false, ...chosen };
}

async function extractOne(
  { dispatcher, unpacker, map, keepDirlinks, manifest, onProgress }: Extraction,
  { context, source }: Extraction['layers'][number],
  plan: Required<PreExtractResult>,
  below: Promise<void>,
  result: ExtractionResult,
): Promise<void> {
  const applying = unpacker.apply(source, plan.target, {
    map,
    keepDirlinks,
    format: plan.format,
    overlayXattr: 'trusted',
    manifest: manifest && result.plain,
    track: plan.independent ? null : `${plan.target} ${result.skipped}`,
    onProgress: (progress) => onProgress({ type: 'layer-progress', index: context.index, ...progress }),
  });
  const [applied, lower] = await Promise.allSettled([applying, below]);
  if (applied.status === 'rejected') throw applied.reason;
  if (lower.status === 'rejected') throw lower.reason;
  const { bytes, entries } = applied.value;
  await dispatcher.every('unpack.ociv1.layer.post-extract', { ...context, ...plan, applied: applied.value });
  result.bytes += bytes;
  result.entries += entries;
  onProgress({ type: 'layer-done', index: context.index, bytes, entries });
}
