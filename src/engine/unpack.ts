import { chownSync, mkdirSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { currentHeader } from 'mtree-ts';
import { LayerhookError } from '../errors/index.js';
import { layerSources } from '../image/layers.js';
import { type Layout, openLayout } from '../image/layout.js';
import { ociMediaType } from '../image/media-types.js';
import { parsePlatform } from '../image/platform.js';
import { parseImageReference } from '../image/references.js';
import { resolveReference } from '../image/resolve.js';
import type { Descriptor, Platform, ResolvedImage } from '../image/types.js';
import { hostID } from '../layer/apply/owners.js';
import { compressionOfMediaType } from '../layer/compression/detect.js';
import type { MapOptions } from '../layer/types.js';
import { LayerUnpacker } from '../layer/unpacker.js';
import { generateSpec } from '../runtime/spec.js';
import { manifestPath, writeBundleMeta } from './bundle.js';
import { imageContext, layerContexts } from './contexts.js';
import { type Extraction, type ExtractionResult, extractLayers } from './extract.js';
import { walkManifest } from './manifest.js';
import {
  type Operation,
  type OperationOptions,
  openOperation,
  throwIfStopped,
  unmapped,
} from './operation.js';
import type { ImageContext } from './points.js';
import { openStaging, type Staging } from './staging.js';
import { writeFileAtomic } from './write-file.js';

export interface UnpackOptions extends OperationOptions {
  /** `LAYOUT[:TAG]`; the tag is `latest` by default */
  image: string;
  /** path of the bundle to make */
  bundle: string;
  /** `OS/ARCH[/VARIANT]`; default: the only image there is, else this machine's */
  platform?: string | undefined;
  map?: MapOptions | undefined;
  keepDirlinks?: boolean | undefined;
  /** whether to write umoci's mtree manifest; default: hooks.toml's, else `always` */
  mtree?: 'always' | 'never' | undefined;
}

export interface UnpackResult {
  bundle: string;
  manifest: Descriptor;
  /** layers of the image, and how many of them a hook had already */
  layers: number;
  skipped: number;
  /** uncompressed bytes and tar entries extracted */
  bytes: number;
  entries: number;
}

/**
 * Unpacks an image into an OCI runtime bundle: rootfs, config.json, and what a repack needs.
 *
 * The bundle appears whole, under its name, or not at all. Every layer passes the lifecycle points of
 * docs/hook-protocol.md; blobs and diffIDs are verified.
 *
 * @throws LayerhookError of any code in docs/errors.md
 */
export async function unpack(options: UnpackOptions): Promise<UnpackResult> {
  const { layout, image } = openImage(options);
  const operation = await openOperation(options);
  const staging = await openStaging(options.bundle);
  const map = options.map ?? unmapped;
  const base = { bundle: resolve(options.bundle), rootfs: staging.rootfs, map };
  const context = imageContext({ ...base, signal: operation.stop.signal, log: operation.log }, layout, image);
  const sources = layerSources(layout, image);
  const layers = layerContexts(context, layout).map((layer, at) => ({
    context: layer,
    source: sources[at]!,
  }));
  try {
    makeRootfs(staging.rootfs, map);
    const { plain: _, ...result } = await fill(operation, staging, context, layers, options);
    writeBundleMeta(staging.path, { from: image.path, map, driver: operation.driverChoice });
    throwIfStopped(operation);
    staging.publish();
    return {
      bundle: base.bundle,
      manifest: image.manifestDescriptor,
      layers: image.manifest.layers.length,
      ...result,
    };
  } catch (error) {
    await takeDown(operation, context);
    staging.discard();
    throw error;
  }
}

function openImage({ image, platform }: UnpackOptions): { layout: Layout; image: ResolvedImage } {
  const { path, tag } = parseImageReference(image);
  const layout = openLayout(path);
  const choice = platform === undefined ? {} : { platform: readPlatform(platform) };
  const found = resolveReference(layout, tag, choice);
  // refuses what is no layer before anything is written
  for (const { mediaType, digest } of found.manifest.layers) {
    compressionOfMediaType(ociMediaType(mediaType), digest);
  }
  return { layout, image: found };
}

function readPlatform(value: string): Platform {
  const platform = parsePlatform(value);
  if (!platform) throw new LayerhookError('PLATFORM_INVALID', { value });
  return platform;
}

/** The root directory before any layer says what it is: as umoci makes it. */
function makeRootfs(rootfs: string, map: MapOptions): void {
  mkdirSync(rootfs, { mode: 0o755 });
  if (!map.rootless)
    chownSync(rootfs, hostID(0, map.uidMappings, 'uid', '.'), hostID(0, map.gidMappings, 'gid', '.'));
  utimesSync(rootfs, 0, 0);
}

async function fill(
  operation: Operation,
  staging: Staging,
  context: ImageContext,
  layers: Extraction['layers'],
  options: UnpackOptions,
): Promise<ExtractionResult> {
  const { dispatcher, onProgress, stop } = operation;
  const manifest = (options.mtree ?? operation.config?.mtree ?? 'always') === 'always';
  const unpacker = new LayerUnpacker({
    signal: stop.signal,
    onWarning: (message) => operation.log.warn(message),
  });
  try {
    const extracted = await extractLayers({
      layers,
      dispatcher,
      unpacker,
      map: context.map,
      keepDirlinks: options.keepDirlinks ?? false,
      manifest,
      onProgress,
      stop,
    });
    onProgress({ type: 'phase', name: 'assemble' });
    await dispatcher.first('unpack.ociv1.bundle.assemble', context);
    await writeConfig(operation, staging, context);
    if (manifest) await writeManifest(operation, staging, context, extracted.plain ? unpacker : null);
    return extracted;
  } finally {
    await unpacker.close();
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

/** Points at which a hook may change the rootfs behind the extractor's back. */
const rootfsPoints = ['unpack.ociv1.layer.post-extract', 'unpack.ociv1.bundle.assemble'] as const;

/** Writes umoci's manifest: from what extraction saw, or by a walk where a hook had its hands on the rootfs. */
async function writeManifest(
  operation: Operation,
  staging: Staging,
  context: ImageContext,
  unpacker: LayerUnpacker | null,
): Promise<void> {
  operation.onProgress({ type: 'phase', name: 'manifest' });
  const file = manifestPath(staging.path, context.manifestDescriptor.digest);
  const seen =
    unpacker &&
    context.manifest.layers.length > 0 &&
    rootfsPoints.every((point) => operation.onlyDriver(point));
  const header = currentHeader(join(context.bundle, 'rootfs'));
  if (seen) await unpacker.writeManifest(`${context.rootfs} 0`, context.rootfs, file, header);
  else await walkManifest(context.rootfs, file, header);
}

/** Lets whoever made something outside the staging directory (a mount, a snapshot) take it back. */
async function takeDown({ dispatcher, log }: Operation, context: ImageContext): Promise<void> {
  const signal = new AbortController().signal;
  await dispatcher
    .every('bundle.ociv1.remove', { ...context, signal })
    .catch((error: Error) => log.warn(`taking the unfinished bundle down: ${error.message}`));
}
