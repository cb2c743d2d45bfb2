import type { Header } from 'mtree-ts';
import { LayerhookError } from '../../errors/index.js';
import type { AppliedLayer, LayerSource, MapOptions, Unsettled, Usage } from '../../layer/types.js';
import type { LayerUnpacker } from '../../layer/unpacker.js';
import { extractedContext } from '../../points/contexts.js';
import type { Dispatcher } from '../../points/dispatch.js';
import type {
  IntoDirectory,
  IntoRootfs,
  LayerContext,
  PointName,
  PreExtractResult,
} from '../../points/points.js';
import { emptyDirectory } from '../../system/remove.js';
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
  /** true: keep what an mtree of the rootfs needs */
  mtree: boolean;
  onlyDriver(point: PointName): boolean;
  onProgress(event: ProgressEvent): void;
  /** aborted with the first failure, so that parallel layers stop too; the threads use its signal */
  stop: AbortController;
}

export interface ExtractionResult {
  skipped: number;
  /** uncompressed bytes and tar entries of the layers that were extracted */
  bytes: number;
  entries: number;
  /** true if every layer was applied to rootfs, on top of its lower layers, by the engine itself */
  plain: boolean;
}

/** Layers that may be prepared while others are extracted. Each holds a lock and a directory, so the number is small. */
const layersAhead = 8;

/**
 * Takes each layer, lowest first, through try-skip, pre-extract, extraction and post-extract.
 *
 * Layers that go into a directory of their own are extracted in parallel, and post-extract still comes in layer order;
 * any other layer waits until all below it are complete. When the promise settles, all writing has ended, also after a failure.
 */
export async function extractLayers(extraction: Extraction): Promise<ExtractionResult> {
  const result: ExtractionResult = { skipped: 0, bytes: 0, entries: 0, plain: true };
  await announce(extraction);
  const extracting = new InFlight(layersAhead);
  const headerOf = mtreeHeaders();
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
      const onTop = plan.into === 'rootfs';
      if (onTop) await below;
      if (!onTop || plan.target !== layer.context.rootfs) result.plain = false;
      const applying = extracting.add(apply(extraction, unpacker, layer, plan, result));
      below = finish(extraction, unpacker, { layer, plan, applying, below, result, headerOf });
      below.catch(fail);
      if (onTop) await below;
    }
    await below;
    return result;
  } catch (error) {
    fail(error);
    await below.catch(() => {});
    throw extraction.stop.signal.reason;
  }
}

type Plan = Required<IntoRootfs> | Required<IntoDirectory>;
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
  const chosen: PreExtractResult = answer.handled ? answer.result : { into: 'rootfs' };
  return chosen.into === 'rootfs'
    ? { target: context.rootfs, ...chosen }
    : { overlayXattr: 'trusted', mtree: false, ...chosen };
}

function apply(
  { map, keepDirlinks, mtree, onProgress }: Extraction,
  unpacker: LayerUnpacker,
  { context, source }: Layer,
  plan: Plan,
  { plain, skipped }: ExtractionResult,
  lowerdirs?: readonly string[],
): Applying {
  const own =
    plan.into === 'directory'
      ? {
          ...{
            into: plan.into,
            whiteouts: plan.whiteouts,
            overlayXattr: plan.overlayXattr,
            mtree: plan.mtree,
          },
          track: plan.mtree ? plan.target : null,
          ...(lowerdirs && { lowerdirs }),
        }
      : {
          ...{ whiteouts: null, overlayXattr: 'trusted' as const, mtree: mtree && plain },
          // layers that were skipped have changed the directory without the extractor's knowledge
          track: trackOf(plan.target, skipped),
        };
  return unpacker.apply(source, plan.target, {
    ...{ map, keepDirlinks, ...own },
    onProgress: (progress) => onProgress({ type: 'layer-progress', index: context.index, ...progress }),
  });
}

/** The key of layers that are applied to one directory on top of each other, after `skipped` layers were skipped. */
export function trackOf(target: string, skipped = 0): string {
  return `${target} ${skipped}`;
}

/** Calls post-extract for a layer that is extracted, once all its lower layers are complete. */
async function finish(
  extraction: Extraction,
  unpacker: LayerUnpacker,
  given: {
    layer: Layer;
    plan: Plan;
    applying: Applying;
    below: Promise<void>;
    result: ExtractionResult;
    headerOf: MtreeHeaders;
  },
): Promise<void> {
  const { dispatcher, onlyDriver, onProgress } = extraction;
  const { plan, result } = given;
  const { context } = given.layer;
  const [applied, lower] = await Promise.allSettled([given.applying, given.below]);
  if (applied.status === 'rejected') throw applied.reason;
  if (lower.status === 'rejected') throw lower.reason;
  const { bytes, entries } = applied.value;
  const { target } = plan;
  let isAgain = false;
  const extractAgain = async (lowerdirs: readonly string[]): Promise<AppliedLayer> => {
    if (plan.into !== 'directory')
      throw new Error('only a layer in its own directory can be extracted again');
    isAgain = true;
    emptyDirectory(target);
    return apply(extraction, unpacker, given.layer, plan, result, lowerdirs);
  };
  const writeMtree = async (file: string): Promise<Usage> =>
    unpacker.writeFinalMtree(target, target, file, {
      header: await given.headerOf(target),
      untouched: !isAgain && isRootAlone(applied.value.unsettled) && onlyDriver(postExtract),
    });
  await dispatcher.every(
    postExtract,
    extractedContext(context, plan, applied.value, { writeMtree, extractAgain }),
  );
  const { refused } = applied.value.unsettled;
  if (refused !== null && !isAgain)
    throw new LayerhookError('LAYER_ENTRY', { digest: context.descriptor.digest, ...refused });
  result.bytes += bytes;
  result.entries += entries;
  onProgress({ type: 'layer-done', index: context.index, bytes, entries });
}

const postExtract = 'unpack.ociv1.layer.post-extract';

/** True if fixing up the layer changes no file: only its root directory depends on the lower layers. */
function isRootAlone({
  implicitDirectories,
  hidingDirectories,
  whiteouts,
  lowerHardlinks,
}: Unsettled): boolean {
  const others = [...hidingDirectories, ...whiteouts, ...lowerHardlinks];
  return others.length === 0 && implicitDirectories.every((path) => path === '.');
}

type MtreeHeaders = (tree: string) => Promise<Header>;

/** Headers of one unpack's mtrees: user, machine and time are looked up once. */
function mtreeHeaders(): MtreeHeaders {
  let header: Header | undefined;
  return async (tree) => {
    header ??= (await import('mtree-ts/write')).currentHeader(tree);
    return { ...header, tree };
  };
}
