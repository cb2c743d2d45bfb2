import { LayerhookError } from '../errors/index.js';
import type { Layout } from './layout.js';
import { MEDIA_TYPE_CONFIG, MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, ociMediaType } from './media-types.js';
import { hostPlatform, platformFit, showPlatform } from './platform.js';
import { readConfig, readIndexBlob, readManifest } from './read.js';
import { checkTag, tagOf } from './references.js';
import type { Descriptor, Manifest, Platform, ResolvedImage } from './types.js';

const MAX_DEPTH = 16;

type Path = [Descriptor, ...Descriptor[]];

export interface ResolveOptions {
  /** selects an image of an index; default: the only image, or else the one for this machine's platform */
  platform?: Platform;
}

/**
 * Finds the image of a tag, and reads and verifies its manifest and config.
 *
 * Indexes are followed. If several images fit the platform equally well, the first one is chosen (image-spec
 * image-index.md), unless they belong to different descriptors in index.json: then the tag is ambiguous.
 *
 * @param tag value of `org.opencontainers.image.ref.name` in index.json
 * @throws LayerhookError REFERENCE_INVALID, REFERENCE_NOT_FOUND, REFERENCE_AMBIGUOUS, PLATFORM_NOT_FOUND,
 *   IMAGE_INVALID, LAYER_MEDIA_TYPE (an artifact), BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, BLOB_MEDIA_TYPE,
 *   DIGEST_INVALID, LIMIT_EXCEEDED, LAYOUT_INVALID, SYSTEM
 */
export function resolveReference(layout: Layout, tag: string, options: ResolveOptions = {}): ResolvedImage {
  const path = resolvePath(layout, tag, options);
  return loadImage(layout, tag, path);
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
  const diffIDs = config.rootfs.diff_ids.length;
  if (layers !== diffIDs) {
    throw new LayerhookError('IMAGE_INVALID', {
      what: `config ${configDescriptor.digest}`,
      reason: `it has ${diffIDs} diff_ids for ${layers} layers`,
    });
  }
  return { reference, path, manifest, manifestDescriptor, config, configDescriptor };
}

/**
 * Finds the descriptors from index.json to the manifest of a tag. Unlike {@link resolveReference}, accepts manifests of
 * artifacts, and reads a manifest only if choosing a platform requires it.
 */
export function resolvePath(layout: Layout, tag: string, options: ResolveOptions = {}): Path {
  checkTag(tag);
  const roots = layout.readIndex().manifests.filter((descriptor) => tagOf(descriptor) === tag);
  if (roots.length === 0)
    throw new LayerhookError('REFERENCE_NOT_FOUND', { reference: tag, path: layout.path });
  const found = roots.flatMap((root) => findManifests(layout, root));
  if (found.length === 0) {
    const reason = `it leads to ${roots.map((root) => root.mediaType).join(', ')}, not to an image`;
    throw new LayerhookError('IMAGE_INVALID', { what: `tag ${tag}`, reason });
  }
  return options.platform === undefined && found.length === 1
    ? found[0]!
    : choosePlatform(layout, tag, found, options.platform ?? hostPlatform());
}

/** Returns the paths from a descriptor to all image manifests, depth first. Reads each index only once. */
function findManifests(layout: Layout, root: Descriptor): Path[] {
  const seen = new Set<string>();
  const walk = (path: Path): Path[] => {
    const descriptor = path[path.length - 1]!;
    const kind = ociMediaType(descriptor.mediaType);
    if (kind === MEDIA_TYPE_MANIFEST) return isAttestation(descriptor) ? [] : [path];
    if (kind !== MEDIA_TYPE_INDEX || seen.has(descriptor.digest)) return [];
    if (path.length > MAX_DEPTH) {
      throw new LayerhookError('LIMIT_EXCEEDED', { what: 'depth of nested indexes', limit: MAX_DEPTH });
    }
    seen.add(descriptor.digest);
    return readIndexBlob(layout, descriptor).manifests.flatMap((child) => walk([...path, child]));
  };
  return walk([root]);
}

/** True for an attestation: BuildKit puts them into an index as manifests for the platform unknown/unknown. */
function isAttestation({ platform }: Descriptor): boolean {
  return platform?.os === 'unknown' && platform.architecture === 'unknown';
}

function choosePlatform(layout: Layout, tag: string, found: Path[], wanted: Platform): Path {
  const offers = found.map((path) => ({ path, platform: platformOf(layout, path) }));
  const fits = offers
    .map(({ path, platform }) => ({ path, fit: platform && platformFit(platform, wanted) }))
    .filter(({ fit }) => fit !== undefined);
  const best = Math.max(...fits.map(({ fit }) => fit!));
  const chosen = fits.filter(({ fit }) => fit === best);
  if (chosen.length === 0) {
    throw new LayerhookError('PLATFORM_NOT_FOUND', {
      reference: `${layout.path}:${tag}`,
      platform: showPlatform(wanted),
      available: offers.map(({ platform }) => (platform ? showPlatform(platform) : 'an artifact')).join(', '),
    });
  }
  const roots = new Set(chosen.map(({ path }) => path[0]));
  if (roots.size > 1) throw new LayerhookError('REFERENCE_AMBIGUOUS', { reference: tag, count: roots.size });
  return chosen[0]!.path;
}

/** Returns the platform from the descriptor, or else from the config; undefined for an artifact. */
function platformOf(layout: Layout, path: Path): Platform | undefined {
  const descriptor = path[path.length - 1]!;
  if (descriptor.platform) return descriptor.platform;
  const { config } = readManifest(layout, descriptor);
  return ociMediaType(config.mediaType) === MEDIA_TYPE_CONFIG ? readConfig(layout, config) : undefined;
}

function checkIsManifest(descriptor: Descriptor, tag: string): void {
  if (ociMediaType(descriptor.mediaType) === MEDIA_TYPE_MANIFEST) return;
  const reason = `its mediaType is ${descriptor.mediaType}, not an image manifest`;
  throw new LayerhookError('IMAGE_INVALID', { what: `tag ${tag}`, reason });
}

function checkIsImage(manifest: Manifest, descriptor: Descriptor): void {
  if (ociMediaType(manifest.config.mediaType) === MEDIA_TYPE_CONFIG) return;
  const reason = `its config is ${manifest.config.mediaType}: it is an artifact, not a container image`;
  throw new LayerhookError('IMAGE_INVALID', { what: `manifest ${descriptor.digest}`, reason });
}
