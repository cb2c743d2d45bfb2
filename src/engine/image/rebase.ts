import { realpathSync } from 'node:fs';
import { LayerhookError } from '../../errors/index.js';
import { parseDigest } from '../../image/digest.js';
import { type Layout, openLayout } from '../../image/layout.js';
import { baseMismatch, rebaseLayers, withPlatformOf } from '../../image/rebase.js';
import { parseImageReference, tagOf } from '../../image/references.js';
import { resolveReference } from '../../image/resolve.js';
import type { Descriptor, ResolvedImage } from '../../image/types.js';
import { checkpoint } from '../../system/steps.js';
import { type EditImageOptions, editImage } from '../edit-image.js';

/** The annotations that name the base of an image; image-spec annotations.md. */
const nameAnnotation = 'org.opencontainers.image.base.name';
const digestAnnotation = 'org.opencontainers.image.base.digest';

export interface RebaseImageOptions extends EditImageOptions {
  /** `LAYOUT[:TAG]` of the present base; default: the annotation org.opencontainers.image.base.digest of the image */
  oldBase?: string | undefined;
  /** `LAYOUT[:TAG]` of the next base; default: the tag that the annotation org.opencontainers.image.base.name has */
  newBase?: string | undefined;
}

export interface RebaseImageResult {
  manifest: Descriptor;
  tag: string;
  /** number of layers of the old base */
  removed: number;
  /** number of layers of the new base */
  added: number;
}

/** An image to base on. */
interface Base {
  layout: Layout;
  tag: string;
  image: ResolvedImage;
}

/**
 * Replaces the layers of an image's base by those of another base, without reading any layer, and points a tag to the
 * result; the layers above stay. Layers, history and config become those that `crane rebase` makes, and the annotations of
 * the base are set. What `crane rebase` drops stays: author, creation time and other annotations.
 *
 * A base that is an index stands for the image of the same platform in it. Layers that the layout lacks are copied.
 *
 * @throws LayerhookError REBASE if the image is not based on the old base, or a base is not known; and those of reading
 *   and writing images
 */
export function rebaseImage(options: RebaseImageOptions): Promise<RebaseImageResult> {
  const { signal } = options;
  return editImage(options, async ({ layout, image, mutation, tag }) => {
    const newBase = findNewBase(layout, image, options);
    const oldBase = findOldBase(newBase.layout, image, options);
    const mismatch = baseMismatch(image, oldBase);
    if (mismatch !== undefined) {
      throw refusal(options, mismatch, 'name the image that this one was built on with --old');
    }
    mutation.setConfig(withPlatformOf(mutation.config, newBase.image.config));
    mutation.setAnnotations({
      ...image.manifest.annotations,
      [digestAnnotation]: newBase.image.path[0].digest,
      [nameAnnotation]: newBase.tag,
    });
    mutation.setLayers(rebaseLayers(image, oldBase, newBase.image));
    await copyLayers(newBase, layout, image, signal);
    await checkpoint(signal);
    const manifest = (await mutation.commit(tag)).at(-1)!;
    const [removed, added] = [oldBase, newBase.image].map((base) => base.manifest.layers.length);
    return { manifest, tag, removed: removed!, added: added! };
  });
}

function findNewBase(layout: Layout, image: ResolvedImage, options: RebaseImageOptions): Base {
  if (options.newBase !== undefined) {
    const { path, tag } = parseImageReference(options.newBase);
    const other = openLayout(path, { maxJson: options.maxJson, limits: options.limits });
    return { layout: other, tag, image: resolveReference(other, tag, samePlatform(image)) };
  }
  const tag = image.manifest.annotations?.[nameAnnotation];
  if (!tag)
    throw refusal(options, `its new base is unknown: it has no annotation ${nameAnnotation}`, nameNew);
  if (!layout.readIndex().manifests.some((descriptor) => tagOf(descriptor) === tag)) {
    const reason = `its annotation ${nameAnnotation} is ${tag}, which is not a tag of ${layout.path}`;
    throw refusal(options, reason, nameNew);
  }
  return { layout, tag, image: resolveReference(layout, tag, samePlatform(image)) };
}

/** @param layout of the new base: like `crane rebase`, it is expected to have the old base too */
function findOldBase(layout: Layout, image: ResolvedImage, options: RebaseImageOptions): ResolvedImage {
  if (options.oldBase !== undefined) {
    const { path, tag } = parseImageReference(options.oldBase);
    return resolveReference(
      openLayout(path, { maxJson: options.maxJson, limits: options.limits }),
      tag,
      samePlatform(image),
    );
  }
  const digest = image.manifest.annotations?.[digestAnnotation];
  if (!digest)
    throw refusal(options, `its old base is unknown: it has no annotation ${digestAnnotation}`, nameOld);
  if (!layout.hasBlob(digest))
    throw refusal(options, `its old base, ${digest}, is not in ${layout.path}`, nameOld);
  return resolveReference(layout, `@${digest}`, samePlatform(image));
}

const nameNew = 'name the new base with --new LAYOUT:TAG';
const nameOld = 'name the present base with --old LAYOUT:TAG';

/** The platform as `resolveReference` takes it, so that an index gives the base for the same platform. */
function samePlatform({ config }: ResolvedImage) {
  const { os, architecture, variant } = config;
  if (!os || !architecture) return {};
  return { platform: { os, architecture, ...(variant && { variant }) } };
}

/** Copies the layers of another layout. A blob that is there already may be garbage, so it is written again. */
async function copyLayers(
  base: Base,
  layout: Layout,
  image: ResolvedImage,
  signal?: AbortSignal,
): Promise<void> {
  if (realpathSync(base.layout.path) === realpathSync(layout.path)) return;
  const known = new Set(image.manifest.layers.map(({ digest }) => digest));
  for (const layer of base.image.manifest.layers) {
    if (known.has(layer.digest)) continue;
    await checkpoint(signal);
    const { algorithm } = parseDigest(layer.digest);
    await layout.writeBlob(base.layout.openBlob(layer), { algorithm });
  }
}

function refusal({ image }: RebaseImageOptions, reason: string, expected: string): LayerhookError {
  return new LayerhookError('REBASE', { image, reason, expected });
}
