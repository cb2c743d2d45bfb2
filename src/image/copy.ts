import { isLayerhookError } from '../errors/index.js';
import { close } from '../system/close.js';
import { throwIfAborted } from '../system/steps.js';
import { encodeJson } from '../text/json-lossless.js';
import { openBlobFile } from './blob.js';
import { findNamed } from './find-image.js';
import type { Layout } from './layout.js';
import { indexMediaType, manifestMediaType, ociMediaType } from './media-types.js';
import { readIndexBlob } from './read.js';
import { digestIn, tagOf, withTag } from './references.js';
import { isReferrerList, listReferrers } from './referrers.js';
import { resolvePath } from './resolve.js';
import type { Descriptor, Digest, Index, Platform } from './types.js';
import { reachableFrom } from './walk.js';

/** Errors of a blob that is missing in the target, or must be replaced there. */
const incomplete: readonly string[] = ['BLOB_NOT_FOUND', 'BLOB_SIZE', 'BLOB_DIGEST'];

export interface CopyOptions {
  signal?: AbortSignal | undefined;
  /** called before each blob that the target lacks */
  onBlob?: ((descriptor: Descriptor) => void) | undefined;
}

export interface CopyResult {
  /** descriptors in the target's index.json: the images, then their referrers */
  entries: Descriptor[];
  /** blobs that the target lacked, and their bytes */
  copied: number;
  bytes: number;
  /** blobs that the target had */
  present: number;
}

/**
 * Copies what a tag names to another layout, with all blobs that it leads to: all images of an index, attestations, and
 * the referrers in index.json. Every blob stays byte for byte. Blobs that the target has are not copied; those that are
 * copied are verified. The target's index.json changes last, in one step.
 *
 * @param images descriptors of the source; see {@link findImages}
 * @throws LayerhookError of reading the source and of writing the target
 */
export async function copyImages(
  source: Layout,
  target: Layout,
  images: readonly Descriptor[],
  options: CopyOptions = {},
): Promise<CopyResult> {
  const result = await copyBlobs(source, target, images, options);
  const referrers = await mergeLists(target, result.referrers);
  const entries = [...images, ...referrers].map(withoutData);
  await target.updateIndex((index) => withEntries(index, entries));
  return { ...result, entries };
}

/**
 * Returns the descriptors that a copy of a tag adds to index.json.
 *
 * @param from name in the source; null: all of index.json, unchanged
 * @param options `to`: tag in the target; default: the tags of the source, none for a digest without a tag. `platform`: only the image for this platform
 * @throws LayerhookError as resolvePath
 */
export function findImages(
  source: Layout,
  from: string | null,
  { to, platform }: { to?: string | undefined; platform?: Platform | undefined } = {},
): Descriptor[] {
  if (from === null) return source.readIndex().manifests;
  const roots = platform ? [imageFor(source, from, platform)] : findNamed(source, source.readIndex(), from);
  const images = roots.map((root) => {
    const tag = to ?? tagOf(root) ?? (digestIn(from) ? undefined : from);
    return tag === undefined ? root : withTag(root, tag);
  });
  return images.filter((image, at) => images.findIndex((other) => isSame([image], [other])) === at);
}

/** Returns the descriptor of the image for a platform. Its annotations are those of its entry in the index. */
function imageFor(source: Layout, tag: string, platform: Platform): Descriptor {
  return resolvePath(source, tag, { platform }).at(-1)!;
}

/**
 * Copies the blobs that descriptors lead to, and those of their referrers, and of the referrers of these. Does not change
 * index.json.
 *
 * @returns `referrers`: descriptors of the source's index.json that the target needs too
 */
export async function copyBlobs(
  source: Layout,
  target: Layout,
  roots: readonly Descriptor[],
  { signal, onBlob }: CopyOptions = {},
): Promise<Omit<CopyResult, 'entries'> & { referrers: Descriptor[] }> {
  const { blobs, referrers } = withReferrers(source, roots);
  const result = { copied: 0, bytes: 0, present: 0, referrers };
  for (const descriptor of blobs.values()) {
    throwIfAborted(signal);
    if (hasWhole(target, descriptor)) result.present += 1;
    else if (!isForeign(source, descriptor)) {
      onBlob?.(descriptor);
      await target.copyBlob(source, descriptor);
      result.copied += 1;
      result.bytes += descriptor.size;
    }
  }
  return result;
}

/** Finds the blobs of images and of all their referrers. */
function withReferrers(
  source: Layout,
  roots: readonly Descriptor[],
): { blobs: Map<string, Descriptor>; referrers: Descriptor[] } {
  const blobs = reachableFrom(source, roots);
  const isRoot = new Set(roots.map(({ digest }) => digest));
  const referrers: Descriptor[] = [];
  let left = listReferrers(source).filter(({ root }) => !isRoot.has(root.digest));
  for (;;) {
    const next = left.filter(({ subject }) => blobs.has(subject));
    if (next.length === 0) return { blobs, referrers };
    left = left.filter(({ subject }) => !blobs.has(subject));
    for (const { root } of next) {
      if (referrers.includes(root)) continue;
      referrers.push(root);
      for (const [digest, descriptor] of reachableFrom(source, [root])) blobs.set(digest, descriptor);
    }
  }
}

/** True if the target has a blob. A document must be right; of other blobs the size is compared, as validate finds the rest. */
function hasWhole(target: Layout, descriptor: Descriptor): boolean {
  try {
    const kind = ociMediaType(descriptor.mediaType);
    const { data: _, ...plain } = descriptor;
    if (kind === indexMediaType || kind === manifestMediaType) target.readBlob(plain as Descriptor);
    else close(openBlobFile(target.blobPlace(descriptor.digest), descriptor, target.path).fd);
    return true;
  } catch (error) {
    if (isLayerhookError(error) && incomplete.includes(error.code)) return false;
    throw error;
  }
}

/** True for a layer that engines download from its `urls`, if the source lacks the layer. */
function isForeign(source: Layout, { digest, urls }: Descriptor): boolean {
  return urls !== undefined && urls.length > 0 && !source.hasBlob(digest);
}

/** Makes one list of referrers of two with the same tag, so that the target keeps its own. */
async function mergeLists(target: Layout, referrers: readonly Descriptor[]): Promise<Descriptor[]> {
  const present = target.readIndex().manifests;
  const merged: Descriptor[] = [];
  for (const root of referrers) {
    const own = present.find((entry) => tagOf(entry) === tagOf(root) && entry.digest !== root.digest);
    const isPair = own !== undefined && isReferrerList(root) && isReferrerList(own);
    merged.push(isPair ? await mergeList(target, own, root) : root);
  }
  return merged;
}

async function mergeList(target: Layout, own: Descriptor, added: Descriptor): Promise<Descriptor> {
  const index = readIndexBlob(target, own);
  const known = new Set<Digest>(index.manifests.map(({ digest }) => digest));
  const others = readIndexBlob(target, added).manifests.filter(({ digest }) => !known.has(digest));
  const blob = await target.writeBlob(encodeJson({ ...index, manifests: [...index.manifests, ...others] }));
  return { ...own, ...blob };
}

/** Adds descriptors to index.json. Those with a tag replace the ones that had it; the others are added once. */
function withEntries(index: Index, entries: readonly Descriptor[]): Index {
  const tags = new Set(entries.map(tagOf).filter((tag) => tag !== undefined));
  const kept = index.manifests.filter((entry) => !tags.has(tagOf(entry) ?? ''));
  const known = new Set(kept.map(({ digest }) => digest));
  const added = entries.filter((entry) => tagOf(entry) !== undefined || !known.has(entry.digest));
  const manifests = [...kept, ...added];
  return isSame(manifests, index.manifests) ? index : { ...index, manifests };
}

function isSame(a: readonly Descriptor[], b: readonly Descriptor[]): boolean {
  const text = (list: readonly Descriptor[]) =>
    list
      .map((entry) => JSON.stringify(Object.entries(entry).sort()))
      .sort()
      .join();
  return text(a) === text(b);
}

/** Drops `data`: the target has the blob. */
function withoutData({ data: _, ...descriptor }: Descriptor): Descriptor {
  return descriptor as Descriptor;
}
