import { resolve } from 'node:path';
import { chainIDs } from '../image/chain.js';
import type { Layout } from '../image/layout.js';
import type { Descriptor, Digest, ResolvedImage } from '../image/types.js';
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
import { treeID } from './tree-id.js';

/** What a context needs that the image itself does not say. */
export interface ContextBase {
  bundle: string;
  rootfs: string;
  map: MapOptions;
  keepDirlinks: boolean;
  signal: AbortSignal;
  log: Logger;
}

/** Returns the context of the points that see a whole image. */
export function imageContext(base: ContextBase, layout: Layout, image: ResolvedImage): ImageContext {
  const { reference, manifest, manifestDescriptor, config, configDescriptor } = image;
  const diffIDs = config.rootfs.diff_ids;
  const layers = chainIDs(diffIDs).map((chainID, index) => {
    const descriptor = manifest.layers[index] as Descriptor;
    const { path, range } = layout.blobPlace(descriptor.digest);
    const blob = { blob: resolve(path), blobOffset: range?.offset ?? 0 };
    return { descriptor, diffID: diffIDs[index] as Digest, chainID, treeID: treeID(chainID, base), ...blob };
  });
  return {
    ...base,
    // the dispatcher gives each hook its own
    state: {},
    layout: layout.absolutePath,
    ...{ reference, manifest, manifestDescriptor, config, configDescriptor },
    layers,
    treeID: layers.at(-1)?.treeID ?? treeID(undefined, base),
    treeIDs: layers.map((layer) => layer.treeID),
  };
}

/** Returns the contexts of the points that see one layer, lowest layer first. */
export function layerContexts(image: ImageContext): LayerContext[] {
  const chain = image.layers.map(({ chainID }) => chainID);
  return image.layers.map((layer, index) => ({
    ...image,
    ...layer,
    index,
    lowerChainIDs: chain.slice(0, index),
    chainIDs: chain,
  }));
}

/** The context of post-extract for a layer that went where `plan` says. */
export function extractedContext(
  layer: LayerContext,
  plan: PreExtractResult,
  applied: AppliedLayer,
  functions: Pick<PostExtractContext, 'entries' | 'writeMtree' | 'extractAgain'>,
): PostExtractContext {
  const { into, target = '' } = plan;
  return {
    ...layer,
    ...{ into, target, applied, ...functions },
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
