import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { formatCounted } from '../text/counted.js';
import { didYouMean } from '../text/nearest.js';
import { isAttestation } from './index-kinds.js';
import type { Layout } from './layout.js';
import { splitTransport } from './layout-name.js';
import { showPlatform } from './platform.js';
import { Platforms } from './platforms.js';
import { describeDocument } from './read.js';
import { checkTag, defaultTag, digestIn, tagOf, withTag } from './references.js';
import { listReferrers } from './referrers.js';
import type { Descriptor, Index } from './types.js';

/** How many tags or images an error lists. */
const maxListed = 8;

/**
 * Returns the descriptors that the name of an image leads to, at least one. Several may have the same digest: containerd
 * writes one for each name of an image.
 *
 * The default tag `latest`, if the layout lacks it, names the only image of a layout without tags, as `crane pull` writes it. In
 * an archive it also names the only image that has a tag, as skopeo needs no tag there. Referrers do not count.
 *
 * @param name a tag, or `@` and the digest of any manifest or index of the layout
 * @throws LayerhookError REFERENCE_NOT_FOUND; REFERENCE_INVALID for a malformed tag that the layout lacks; for a digest also those
 *   of reading its document
 */
export function findNamed(layout: Layout, index: Index, name: string): [Descriptor, ...Descriptor[]] {
  const digest = digestIn(name);
  if (digest !== undefined) return findDigest(layout, index, digest);
  checkTag(index, name);
  const [first, ...others] = named(layout, index, name);
  if (first === undefined) throw notFound(layout, index, name);
  return [first, ...others];
}

function named(layout: Layout, index: Index, tag: string): Descriptor[] {
  const tagged = index.manifests.filter((descriptor) => tagOf(descriptor) === tag);
  return tagged.length > 0 || tag !== defaultTag ? tagged : onlyImage(layout, index);
}

/**
 * Points `tag` to the image or index that the name `from` leads to. The tag of an image without one takes the place of its
 * untagged descriptor.
 *
 * @throws LayerhookError REFERENCE_INVALID, REFERENCE_AMBIGUOUS, and what findNamed and Layout.updateIndex throw
 */
export async function copyTag(layout: Layout, from: string, tag: string): Promise<void> {
  await layout.updateIndex((index) => {
    checkTag(index, tag);
    const found = findNamed(layout, index, from);
    const { size } = new Set(found.map(({ digest }) => digest));
    if (size > 1) throw new LayerhookError('REFERENCE_AMBIGUOUS', { reference: from, count: size });
    const kept = index.manifests.filter((descriptor) => tagOf(descriptor) !== tag);
    return { ...index, manifests: [...withoutUntagged(kept, found[0]), withTag(found[0], tag)] };
  });
}

/** Drops the descriptors without a tag that have the digest of `image`, which has got a tag. */
export function withoutUntagged(
  manifests: readonly Descriptor[],
  image: Descriptor | undefined,
): Descriptor[] {
  return manifests.filter((other) => tagOf(other) !== undefined || other.digest !== image?.digest);
}

/** Lists the images and indexes in index.json that have no tag; referrers and attestations do not count. */
export function listUntagged(layout: Layout, { manifests }: Index): Descriptor[] {
  const untagged = manifests.filter((entry) => tagOf(entry) === undefined && !isAttestation(entry));
  if (untagged.length === 0) return [];
  const referrers = new Set(listReferrers(layout).map(({ root }) => root.digest));
  const seen = new Set<string>();
  return untagged.filter(({ digest }) => !referrers.has(digest) && !seen.has(digest) && seen.add(digest));
}

/** Returns the only image or index of a layout without tags, or an empty list. */
export function onlyUntagged(layout: Layout, index: Index): Descriptor[] {
  const isTagged = index.manifests.some((descriptor) => tagOf(descriptor) !== undefined);
  return isTagged ? [] : only(listUntagged(layout, index));
}

function onlyImage(layout: Layout, index: Index): Descriptor[] {
  const isDirectory = splitTransport(layout.path).transport === 'directory';
  const tagged = index.manifests.filter((descriptor) => tagOf(descriptor) !== undefined);
  return tagged.length === 0 ? onlyUntagged(layout, index) : isDirectory ? [] : only(tagged);
}

function only(descriptors: Descriptor[]): Descriptor[] {
  return new Set(descriptors.map(({ digest }) => digest)).size === 1 ? descriptors : [];
}

function findDigest(layout: Layout, index: Index, digest: string): [Descriptor, ...Descriptor[]] {
  const [first, ...others] = index.manifests.filter((descriptor) => descriptor.digest === digest);
  if (first !== undefined) return [first, ...others];
  if (!layout.hasBlob(digest)) throw notFound(layout, index, digest);
  return [describeDocument(layout, digest)];
}

function notFound(layout: Layout, index: Index, reference: string): LayerhookError {
  const tags = [...new Set(index.manifests.flatMap((descriptor) => tagOf(descriptor) ?? []))];
  const { path } = layout;
  const what = digestIn(`@${reference}`) === undefined ? `tag ${reference}` : reference;
  const meant = didYouMean(reference, tags);
  const expected = tags.length > 0 ? tagsOf(tags, path) : imagesOf(layout, listUntagged(layout, index));
  return new LayerhookError('REFERENCE_NOT_FOUND', { what, path, meant, expected });
}

function tagsOf(tags: readonly string[], path: string): string {
  const others = tags.length > maxListed ? `, and ${formatCounted(tags.length - maxListed, 'others')}` : '';
  return `layerhook ls --layout ${path} shows its tags: ${tags.slice(0, maxListed).join(', ')}${others}`;
}

function imagesOf(layout: Layout, images: readonly Descriptor[]): string {
  if (images.length === 0) return 'the layout has no images';
  const platforms = new Platforms(layout);
  const listed = images.slice(0, maxListed).map((image) => `@${image.digest}${platformOf(platforms, image)}`);
  const others =
    images.length > maxListed ? `, and ${formatCounted(images.length - maxListed, 'others')}` : '';
  return `its images have no tags; name one by its digest, ${layout.path}${listed.join(', or ')}${others}`;
}

/** Returns the platform of an image in parentheses; '' for an index, an artifact or a corrupt document. */
function platformOf(platforms: Platforms, image: Descriptor): string {
  try {
    const platform = platforms.of(image);
    return platform ? ` (${showPlatform(platform)})` : '';
  } catch (error) {
    if (isLayerhookError(error)) return '';
    throw error;
  }
}
