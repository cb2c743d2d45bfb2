import { join, resolve } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { historyEntry } from '../../image/history.js';
import { type Layout, openLayout } from '../../image/layout.js';
import { ImageMutation } from '../../image/mutate.js';
import { platformFit, showPlatform } from '../../image/platform.js';
import { checkTag, type ImageReference, parseImageReference, tagOf } from '../../image/references.js';
import { loadImage } from '../../image/resolve.js';
import type { Descriptor, Digest, ResolvedImage } from '../../image/types.js';
import type { WrittenLayer } from '../../layer/generate/write-layer.js';
import { holeBudget } from '../../layer/holes.js';
import type { Change } from '../../layer/types.js';
import { imageContext } from '../../points/contexts.js';
import type { ImageContext } from '../../points/points.js';
import { exists } from '../../system/exists.js';
import { checkpoint } from '../../system/steps.js';
import { holdBundle } from '../bundle/hold.js';
import { type BundleMeta, keepState, mtreePath, refuseLinkedRootfs } from '../bundle/metadata.js';
import { requireNoneLost } from '../bundle/power-loss.js';
import { requireBundle } from '../bundle/stored.js';
import { type ImageOptions, type NewLayerOptions, platformChoice } from '../image-options.js';
import { closeOperation, type Operation, openOperation } from '../operation.js';
import type { OperationOptions } from '../operation-options.js';
import { workTo } from '../progress.js';
import { listChanges } from './changes.js';
import { filterChanges } from './filter-changes.js';
import type { PackedEntries } from './refresh-mtree.js';

export interface RepackOptions
  extends OperationOptions,
    NewLayerOptions,
    Pick<ImageOptions, 'maxJson' | 'limits'> {
  /** `LAYOUT[:TAG]`: the layout that the bundle was unpacked from, and the tag to give the new image */
  image?: string | undefined;
  /** the tag to give the new image, in place of that of `image`; without `image`, the bundle knows its layout */
  tag?: string | undefined;
  /**
   * the tag names an index, in which the new image replaces the one for this platform; the others stay unchanged.
   * Default: the index that the bundle was unpacked from, with the new image in it
   */
  platform?: ImageOptions['platform'];
  /** path of the bundle */
  bundle: string;
  /** paths in the rootfs below which (and at which) changes do not count */
  maskPaths?: string[] | undefined;
  /** whether the volumes of the image's config are masked too; default true */
  maskVolumes?: boolean | undefined;
  /** leave the bundle as if the new image had been unpacked into it */
  refreshBundle?: boolean | undefined;
}

export interface RepackResult {
  manifest: Descriptor;
  tag: string;
  /** the new layer, or null when nothing had changed */
  layer: Descriptor | null;
  diffID: Digest | null;
  changes: number;
}

/**
 * Makes a layer of what changed in a bundle, and an image of it on top of the one that was unpacked.
 *
 * The tag is written last: other processes find the old image or the new one. The bundle stays unchanged, unless
 * it is refreshed.
 *
 * @throws LayerhookError of any code in docs/errors.md
 */
export async function repack(options: RepackOptions): Promise<RepackResult> {
  const bundle = resolve(options.bundle);
  // a reference that is malformed is an error before a missing bundle
  const named = options.image === undefined ? undefined : parseImageReference(options.image);
  const meta = await requireBundle(options);
  const path = named?.path ?? layoutOf(bundle, meta);
  const tag = options.tag ?? named?.tag ?? 'latest';
  refuseLinkedRootfs(bundle, meta.distrust);
  const hold = holdBundle(bundle, options.refreshBundle === true);
  try {
    return await repackHeld({ ...options, bundle }, { path, tag }, meta);
  } finally {
    hold.release();
  }
}

async function repackHeld(
  options: RepackOptions,
  { path, tag }: ImageReference,
  meta: Awaited<ReturnType<typeof requireBundle>>,
): Promise<RepackResult> {
  const { bundle } = options;
  const operation = await openOperation(options, { recorded: { bundle, ...meta } });
  const { stop, limits } = operation;
  const layout = openLayout(path, { signal: stop.signal, maxJson: options.maxJson, limits });
  try {
    checkTag(layout.readIndex(), tag);
    const image = loadImage(layout, tagOf(meta.from[0]) ?? '', meta.from);
    checkPlatform(image, options);
    const mtreeFile = mtreePath(bundle, image.manifestDescriptor.digest);
    const place = { bundle, rootfs: join(bundle, 'rootfs'), mtreeFile };
    const proven = await requireNoneLost(place, meta, stop.signal);
    return await repackInto(operation, layout, image, proven, { ...options, tag });
  } finally {
    await layout.close();
    await closeOperation(operation);
  }
}

/** Returns the layout that the bundle was unpacked from. @throws LayerhookError BUNDLE_LAYOUT */
function layoutOf(bundle: string, { layout, distrust }: BundleMeta): string {
  if (layout !== undefined) return layout;
  const reason = distrust ? distrust.reason : 'the bundle does not say from which layout it was unpacked';
  throw new LayerhookError('BUNDLE_LAYOUT', { path: bundle, reason });
}

/** Refuses to put an image into an index as one for a platform on which it does not run. @throws LayerhookError PLATFORM_NOT_FOUND */
function checkPlatform({ config, reference }: ResolvedImage, options: RepackOptions): void {
  const { platform } = platformChoice(options);
  if (platform === undefined || platformFit(config, platform) !== undefined) return;
  const what = { reference: reference || options.bundle, available: showPlatform(config) };
  throw new LayerhookError('PLATFORM_NOT_FOUND', { ...what, platform: showPlatform(platform) });
}

async function repackInto(
  operation: Operation,
  layout: Layout,
  image: ResolvedImage,
  meta: BundleMeta,
  options: RepackOptions & { tag: string },
): Promise<RepackResult> {
  const { bundle, tag, refreshBundle = false } = options;
  const { map, keepDirlinks } = meta;
  const { log, stop } = operation;
  const place = { bundle, rootfs: join(bundle, 'rootfs'), map, keepDirlinks };
  const context = imageContext({ ...place, signal: stop.signal, log }, layout, image);
  const masked = masks(image, options);
  const changes = await listChanges(operation, context, { maskPaths: masked, refresh: refreshBundle });
  const packed = refreshBundle && hasMtree(context) ? await rememberPacked() : null;
  const layer =
    changes.length === 0
      ? null
      : await packLayer(operation, layout, context, { changes, masked, packed }, options);
  await checkpoint(stop.signal);
  const from = await commit(layout, image, layer, tag, options);
  if (refreshBundle) {
    const { refreshBundle } = await import('./refresh.js');
    const after = { layout, image: loadImage(layout, tag, from), meta: { ...meta, from } };
    await refreshBundle(operation, context, after, { changes, packed, layer }).catch((error: Error) => {
      log.warn(`${tag} names the new image already: only the refresh of ${bundle} failed`);
      throw error;
    });
  } else keepState(bundle, meta, operation);
  return {
    manifest: from.at(-1)!,
    tag,
    layer: layer?.descriptor ?? null,
    diffID: layer?.diffID ?? null,
    changes: changes.length,
  };
}

function hasMtree({ bundle, manifestDescriptor }: ImageContext): boolean {
  return exists(mtreePath(bundle, manifestDescriptor.digest));
}

async function rememberPacked(): Promise<PackedEntries> {
  const { PackedEntries } = await import('./refresh-mtree.js');
  return new PackedEntries();
}

function masks(image: ResolvedImage, { maskPaths = [], maskVolumes = true }: RepackOptions): string[] {
  return maskVolumes ? [...maskPaths, ...Object.keys(image.config.config?.Volumes ?? {})] : maskPaths;
}

async function packLayer(
  operation: Operation,
  layout: Layout,
  context: ImageContext,
  { changes, masked, packed }: { changes: Change[]; masked: string[]; packed: PackedEntries | null },
  { compress = 'auto', sourceDateEpoch, onProgress }: RepackOptions,
): Promise<WrittenLayer> {
  operation.onProgress({ type: 'phase', name: 'layer' });
  // a driver may know the changes without having to read the rootfs
  await operation.dispatcher.first('bundle.ociv1.mount', { ...context, claim: false });
  const { generateLayer } = await import('../../layer/generate/generate.js');
  const { chooseCompression, writeLayer } = await import('../../layer/generate/write-layer.js');
  const { rootfs, map, signal, log, manifest } = context;
  const tar = generateLayer({
    ...{ rootfs, changes, map, sourceDateEpoch, signal, log },
    holes: holeBudget(operation.maxHoles),
    mayAdd: (path) => filterChanges([{ path, kind: 'modify' }], masked).length > 0,
    onPacked: packed?.add,
    onProgress: workTo(onProgress, 'pack'),
  });
  return writeLayer(layout, tar, await chooseCompression(compress, manifest), { signal });
}

async function commit(
  layout: Layout,
  image: ResolvedImage,
  layer: WrittenLayer | null,
  tag: string,
  options: RepackOptions,
): Promise<BundleMeta['from']> {
  const mutation = new ImageMutation(layout, image);
  const defaults = { createdBy: 'layerhook repack', author: image.config.author };
  const history = historyEntry(options.history, options.sourceDateEpoch, defaults);
  if (layer)
    mutation.addLayer({ descriptor: layer.descriptor, diffID: layer.diffID, ...(history && { history }) });
  else if (history) mutation.addHistory(history);
  return mutation.commit(tag, platformChoice(options).platform);
}
