import { LayerhookError, limitOf, overLimit } from '../errors/index.js';
import { formatCounted } from '../text/counted.js';
import { findNamed } from './find-image.js';
import { isAttestation, isUnknown } from './index-kinds.js';
import type { Layout } from './layout.js';
import { configMediaType, indexMediaType, manifestMediaType, ociMediaType } from './media-types.js';
import { hostPlatform, platformFit, showPlatform } from './platform.js';
import { Platforms } from './platforms.js';
import { readConfig, readIndexBlob, readManifest } from './read.js';
import { digestIn } from './references.js';
import type { Descriptor, Manifest, Platform, ResolvedImage } from './types.js';

type Path = [Descriptor, ...Descriptor[]];

export interface ResolveOptions {
  /** selects an image of an index; default: the only image, or else the one for this machine's platform */
  platform?: Platform;
}

/**
 * Finds the image of a tag, and reads and verifies its manifest and config.
 *
 * Indexes are followed. If several images fit the platform equally well, the first one is chosen (image-spec
 * image-index.md), unless different descriptors in index.json lead to different images: then the tag is ambiguous.
 *
 * @param tag value of `org.opencontainers.image.ref.name` in index.json, or another name: see findNamed
 * @throws LayerhookError REFERENCE_INVALID, REFERENCE_NOT_FOUND, REFERENCE_AMBIGUOUS, PLATFORM_NOT_FOUND,
 *   IMAGE_INVALID, LAYER_MEDIA_TYPE (an artifact), BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, BLOB_MEDIA_TYPE,
 *   DIGEST_INVALID, LIMIT_EXCEEDED, LAYOUT_INVALID, SYSTEM
 */
export function resolveReference(layout: Layout, tag: string, options: ResolveOptions = {}): ResolvedImage {
  const path = resolvePath(layout, tag, options);
  return loadImage(layout, digestIn(tag) ?? tag, path);
}

/**
 * Loads an image as {@link resolveReference} does, from the known path of descriptors to its manifest
 * (`from_descriptor_path` of umoci.json).
 *
 * @param path from the descriptor in index.json to the manifest's
 */
export function loadImage(layout: Layout, reference: string, path: Path): ResolvedImage {
  const manifestDescriptor = path[path.length - 1]!;
  checkIsManifest(manifestDescriptor, reference);
  const manifest = readManifest(layout, manifestDescriptor);
  const configDescriptor = manifest.config;
  checkIsImage(manifest, manifestDescriptor);
  const config = readConfig(layout, configDescriptor);
  const layers = manifest.layers.length;
  if (layers > limitOf(layout.limits, 'layers')) {
    const what = `number of layers of manifest ${manifestDescriptor.digest} (${layers})`;
    throw overLimit('layers', what, layout.limits);
  }
  const diffIDs = config.rootfs.diff_ids.length;
  if (layers !== diffIDs) {
    throw new LayerhookError('IMAGE_INVALID', {
      what: `config ${configDescriptor.digest}`,
      reason: `it has ${formatCounted(diffIDs, 'diff_ids')} for ${formatCounted(layers, 'layers')}`,
    });
  }
  return { reference, path, manifest, manifestDescriptor, config, configDescriptor };
}

/**
 * Finds the descriptors from index.json to the manifest of a tag. Unlike {@link resolveReference}, accepts manifests of
 * artifacts, and reads a manifest only if choosing a platform requires it.
 */
export function resolvePath(layout: Layout, tag: string, options: ResolveOptions = {}): Path {
  return choosePath(layout, tag, findNamed(layout, layout.readIndex(), tag), options);
}

function choosePath(layout: Layout, tag: string, roots: Descriptor[], options: ResolveOptions): Path {
  const found = findManifests(layout, tag, roots);
  const [first, ...others] = found;
  if (first === undefined) {
    const reason = `it leads to ${listSome(roots.map((root) => root.mediaType))}, not to an image`;
    throw new LayerhookError('IMAGE_INVALID', { what: `tag ${tag}`, reason });
  }
  const isOnly = others.every((path) => path.at(-1)!.digest === first.at(-1)!.digest);
  return options.platform === undefined && isOnly
    ? first
    : choosePlatform(layout, tag, found, options.platform ?? hostPlatform());
}

/**
 * Returns the paths from the descriptors of a tag to all image manifests, depth first. Reads each index only once.
 * Manifests for the platform unknown/unknown count only if all are.
 */
function findManifests(layout: Layout, tag: string, roots: Descriptor[]): Path[] {
  const seen = new Set<string>();
  const found: Path[] = [];
  const [maxImages, maxDepth] = [limitOf(layout.limits, 'images'), limitOf(layout.limits, 'indexes')];
  const walk = (path: Path): void => {
    const descriptor = path[path.length - 1]!;
    const kind = ociMediaType(descriptor.mediaType);
    if (kind === manifestMediaType && !isAttestation(descriptor)) found.push(path);
    if (found.length > maxImages) throw overLimit('images', `number of images of tag ${tag}`, layout.limits);
    if (kind !== indexMediaType || seen.has(descriptor.digest)) return;
    if (path.length > maxDepth) throw overLimit('indexes', 'depth of nested indexes', layout.limits);
    seen.add(descriptor.digest);
    for (const child of readIndexBlob(layout, descriptor).manifests) walk([...path, child]);
  };
  for (const root of roots) walk([root]);
  const known = found.filter((path) => !isUnknown(path.at(-1)!.platform));
  return known.length > 0 ? known : found;
}

function choosePlatform(layout: Layout, tag: string, found: Path[], wanted: Platform): Path {
  const platforms = new Platforms(layout);
  let best = Number.NEGATIVE_INFINITY;
  let chosen: Path[] = [];
  for (const path of found) {
    const platform = platforms.of(path.at(-1)!);
    const fit = platform && platformFit(platform, wanted);
    if (fit === undefined || fit < best) continue;
    if (fit > best) chosen = [];
    chosen.push(path);
    best = fit;
  }
  const [first, ...others] = chosen;
  if (first === undefined) {
    const offers = found.map((path) => platforms.of(path.at(-1)!));
    throw new LayerhookError('PLATFORM_NOT_FOUND', {
      reference: `${layout.path}:${tag}`,
      platform: showPlatform(wanted),
      available: listSome(offers.map((platform) => (platform ? showPlatform(platform) : 'an artifact'))),
    });
  }
  const isOther = (path: Path) =>
    path[0].digest !== first[0].digest && path.at(-1)!.digest !== first.at(-1)!.digest;
  const { size } = new Set(others.filter(isOther).map(([root]) => root.digest));
  if (size > 0) throw new LayerhookError('REFERENCE_AMBIGUOUS', { reference: tag, count: size + 1 });
  return first;
}

function listSome(values: readonly string[]): string {
  const distinct = [...new Set(values)];
  const shown = distinct.slice(0, 20).join(', ');
  return distinct.length > 20 ? `${shown}, and ${formatCounted(distinct.length - 20, 'others')}` : shown;
}

function checkIsManifest(descriptor: Descriptor, tag: string): void {
  if (ociMediaType(descriptor.mediaType) === manifestMediaType) return;
  const reason = `its mediaType is ${descriptor.mediaType}, not an image manifest`;
  throw new LayerhookError('IMAGE_INVALID', { what: `tag ${tag}`, reason });
}

function checkIsImage(manifest: Manifest, descriptor: Descriptor): void {
  if (ociMediaType(manifest.config.mediaType) === configMediaType) return;
  const reason = `its config is ${manifest.config.mediaType}: it is an artifact, not a container image`;
  throw new LayerhookError('IMAGE_INVALID', { what: `manifest ${descriptor.digest}`, reason });
}
