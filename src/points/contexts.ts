import { chainIDs } from '../image/chain.js';
import type { Layout } from '../image/layout.js';
import type { Digest, ResolvedImage } from '../image/types.js';
import { type AppliedLayer, type MapOptions, nothingUnsettled } from '../layer/types.js';
import type { Logger } from '../system/logger.js';
import type {
  ImageContext,
  LayerContext,
  PointContext,
  PointName,
  PostExtractContext,
  PreExtractResult,
} from './points.js';
import { pointRow } from './table.js';

/** What a context needs that the image itself does not say. */
export interface ContextBase {
  bundle: string;
  rootfs: string;
  map: MapOptions;
  signal: AbortSignal;
  log: Logger;
}

/** The context of the points that see a whole image. */
export function imageContext(base: ContextBase, layout: Layout, image: ResolvedImage): ImageContext {
  const { reference, manifest, manifestDescriptor, config, configDescriptor } = image;
  return { ...base, layout: layout.path, reference, manifest, manifestDescriptor, config, configDescriptor };
}

/** The contexts of the points that see one layer, lowest layer first. */
export function layerContexts(image: ImageContext, layout: Layout, keepDirlinks: boolean): LayerContext[] {
  const diffIDs = image.config.rootfs.diff_ids;
  const chain = chainIDs(diffIDs);
  return image.manifest.layers.map((descriptor, index) => ({
    ...image,
    index,
    descriptor,
    diffID: diffIDs[index] as Digest,
    chainID: chain[index] as Digest,
    lowerChainIDs: chain.slice(0, index),
    chainIDs: chain,
    blob: layout.blobPath(descriptor.digest),
    keepDirlinks,
  }));
}

/** The context of post-extract for a layer that went where `plan` says. */
export function extractedContext(
  layer: LayerContext,
  plan: PreExtractResult,
  applied: AppliedLayer,
  { entries, writeMtree }: Pick<PostExtractContext, 'entries' | 'writeMtree'>,
): PostExtractContext {
  const { into, target = '' } = plan;
  return {
    ...layer,
    ...{ into, target, applied, entries, writeMtree },
    whiteouts: plan.into === 'directory' ? plan.whiteouts : null,
  };
}

/** What applying a layer reports if the layer is empty: nothing depends on the layers below. */
export function appliedNothing({
  descriptor,
  diffID,
}: Pick<LayerContext, 'descriptor' | 'diffID'>): AppliedLayer {
  return { digest: descriptor.digest, diffID, bytes: 0, entries: 0, unsettled: nothingUnsettled };
}

type Keys<C> = C extends unknown ? keyof C : never;

/** The name of a field of any context. */
export type FieldName = Keys<PointContext<PointName>>;

/** The type of a field in the contexts that have it. */
export type FieldValue<F extends FieldName> = Extract<PointContext<PointName>, Record<F, unknown>>[F];

/** Returns those of `fields` that the context of a point has. */
export function fieldsFor(
  point: PointName,
  fields: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const names = Object.keys(pointRow(point).context).filter((name) => name in fields);
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}
