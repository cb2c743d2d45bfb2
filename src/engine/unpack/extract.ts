import type { Header } from 'mtree-ts';
import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import type { AppliedLayer, LayerSource, MapOptions, Unsettled, Usage } from '../../layer/types.js';
import type { LayerProgress, LayerUnpacker } from '../../layer/unpacker.js';
import { extractedContext } from '../../points/contexts.js';
import type { Dispatcher } from '../../points/dispatch.js';
import type {
  IntoCommand,
  IntoDirectory,
  IntoRootfs,
  IntoTar,
  LayerContext,
  PointName,
} from '../../points/points.js';
import { emptyDirectory } from '../../system/remove.js';
import type { ProgressEvent } from '../progress.js';
import { InFlight } from './in-flight.js';
import { setRootAttributes } from './root-attributes.js';
import type { StreamedLayer, StreamOptions } from './stream/stream-layer.js';
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
      const work = { unpacker, layer, plan, result };
      const applying = extracting.add(take(extraction, work));
      below = finish(extraction, work, { applying, below, headerOf });
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

type Applied = Required<IntoRootfs> | Required<IntoDirectory>;
type Streamed = (IntoTar | IntoCommand) & Pick<StreamOptions, 'by' | 'timeout'>;
type Plan = Applied | Streamed;
type Layer = Extraction['layers'][number];

/** Seconds for the reader of a layer, if neither the result of pre-extract nor its hook says. */
const defaultTimeout = 300;

/** A layer on its way into the bundle. */
interface Work {
  unpacker: LayerUnpacker;
  layer: Layer;
  plan: Plan;
  result: ExtractionResult;
}

/** What became of a layer; `end` releases what a streamed layer holds. */
type Taken = Pick<StreamedLayer, 'applied' | 'entries'> & Partial<Pick<StreamedLayer, 'end'>>;

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
  if (!answer.handled) return { target: context.rootfs, into: 'rootfs' };
  const { result, by, timeout } = answer;
  switch (result.into) {
    case 'rootfs':
      return { target: context.rootfs, ...result };
    case 'directory':
      return { overlayXattr: 'trusted', mtree: false, ...result };
    default:
      return { ...result, by, timeout: result.timeout ?? (timeout || defaultTimeout) };
  }
}

async function take(extraction: Extraction, work: Work): Promise<Taken> {
  const { unpacker, layer, plan } = work;
  const onProgress = (progress: LayerProgress) =>
    extraction.onProgress({ type: 'layer-progress', index: layer.context.index, ...progress });
  if (plan.into === 'rootfs' || plan.into === 'directory') {
    if (plan.into === 'directory') prepare(plan.target, extraction.map);
    return { applied: await apply(extraction, work, plan, { onProgress }), entries: null };
  }
  const { streamLayer } = await import('./stream/stream-layer.js');
  const wantsEntries = extraction.dispatcher.handles(postExtract);
  return streamLayer(unpacker, layer, { ...plan, plan, wantsEntries, onProgress });
}

/** The driver need not care for the attributes of a layer's own directory. */
function prepare(target: string, map: MapOptions): void {
  try {
    setRootAttributes(target, map);
  } catch (error) {
    throw fsError(error, `cannot use ${target}`);
  }
}

function apply(
  { map, keepDirlinks, mtree }: Extraction,
  { unpacker, layer, result: { plain, skipped } }: Work,
  plan: Applied,
  {
    onProgress = () => {},
    lowerdirs,
  }: { onProgress?: (progress: LayerProgress) => void; lowerdirs?: readonly string[] },
): Promise<AppliedLayer> {
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
  return unpacker.apply(layer.source, plan.target, { ...{ map, keepDirlinks, onProgress }, ...own });
}

/** The key of layers that are applied to one directory on top of each other, after `skipped` layers were skipped. */
export function trackOf(target: string, skipped = 0): string {
  return `${target} ${skipped}`;
}

/** Calls post-extract for a layer that is extracted, once all its lower layers are complete. */
async function finish(
  extraction: Extraction,
  work: Work,
  given: { applying: Promise<Taken>; below: Promise<void>; headerOf: MtreeHeaders },
): Promise<void> {
  const { context } = work.layer;
  const { applied, entries: list, end } = await whenComplete(given);
  const requests = requestsOf(extraction, work, { applied, headerOf: given.headerOf });
  try {
    const { writeMtree, extractAgain } = requests;
    await extraction.dispatcher.every(
      postExtract,
      extractedContext(context, work.plan, applied, { entries: list, writeMtree, extractAgain }),
    );
  } finally {
    end?.({ keep: true });
  }
  const { refused } = applied.unsettled;
  if (refused !== null && !requests.isAgain())
    throw new LayerhookError('LAYER_ENTRY', { digest: context.descriptor.digest, ...refused });
  const { bytes, entries } = applied;
  work.result.bytes += bytes;
  work.result.entries += entries;
  extraction.onProgress({ type: 'layer-done', index: context.index, bytes, entries });
}

/** Waits for a layer and all its lower layers. If a lower layer failed, releases what this layer holds. */
async function whenComplete({
  applying,
  below,
}: {
  applying: Promise<Taken>;
  below: Promise<void>;
}): Promise<Taken> {
  const [taken, lower] = await Promise.allSettled([applying, below]);
  if (taken.status === 'rejected') throw taken.reason;
  if (lower.status === 'fulfilled') return taken.value;
  taken.value.end?.({ keep: false });
  throw lower.reason;
}

/** The functions that a hook of post-extract may call; `isAgain` tells if one has extracted the layer again. */
function requestsOf(
  extraction: Extraction,
  work: Work,
  { applied, headerOf }: { applied: AppliedLayer; headerOf: MtreeHeaders },
) {
  const { unpacker, plan } = work;
  const { target = '' } = plan;
  let isAgain = false;
  return {
    isAgain: () => isAgain,
    extractAgain: async (lowerdirs: readonly string[]): Promise<AppliedLayer> => {
      if (plan.into !== 'directory')
        throw new Error('only a layer in its own directory can be extracted again');
      isAgain = true;
      emptyDirectory(target);
      return apply(extraction, work, plan, { lowerdirs });
    },
    writeMtree: async (file: string): Promise<Usage> =>
      unpacker.writeFinalMtree(target, target, file, {
        header: await headerOf(target),
        untouched: !isAgain && isRootAlone(applied.unsettled) && extraction.onlyDriver(postExtract),
      }),
  };
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
