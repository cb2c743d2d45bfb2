import { LayerhookError } from '../errors/index.js';
import { encodeJson } from '../text/json-lossless.js';
import { findNamed } from './find-image.js';
import { attestedImage, isAttestation, isUnknown, refuseDocker, requireIndex } from './index-kinds.js';
import type { Layout } from './layout.js';
import { indexMediaType, ociMediaType } from './media-types.js';
import { showPlatform } from './platform.js';
import { Platforms } from './platforms.js';
import { readIndexBlob } from './read.js';
import { withoutTag } from './references.js';
import { resolvePath } from './resolve.js';
import { changeTag } from './retag.js';
import type { Descriptor, Index, Platform } from './types.js';

const maxDepth = 16;

/** One row of an index. */
export interface IndexEntry {
  descriptor: Descriptor;
  /** `attestation`: describes another entry, and never runs */
  kind: 'image' | 'attestation' | 'artifact' | 'index';
  /** of an image: from its descriptor, else from its config */
  platform?: Platform | undefined;
}

/**
 * Lists the index of a tag.
 *
 * @throws LayerhookError REFERENCE_NOT_FOUND, REFERENCE_AMBIGUOUS, INDEX_REQUIRED, and what reading the index throws
 */
export function listIndex(layout: Layout, tag: string): IndexEntry[] {
  const [root, ...others] = findNamed(layout, layout.readIndex(), tag);
  const { size } = new Set([root, ...others].map(({ digest }) => digest));
  if (size > 1) throw new LayerhookError('REFERENCE_AMBIGUOUS', { reference: tag, count: size });
  requireIndex(root, tag);
  const platforms = new Platforms(layout);
  return readIndexBlob(layout, root).manifests.map((descriptor) => entryOf(descriptor, platforms));
}

function entryOf(descriptor: Descriptor, platforms: Platforms): IndexEntry {
  if (ociMediaType(descriptor.mediaType) === indexMediaType) return { descriptor, kind: 'index' };
  if (isAttestation(descriptor) || isUnknown(descriptor.platform)) return { descriptor, kind: 'attestation' };
  const platform = platforms.of(descriptor);
  return platform ? { descriptor, kind: 'image', platform } : { descriptor, kind: 'artifact' };
}

/**
 * Returns the descriptors that an index gets for the image of a tag: the image itself, or all images of its index, nested
 * ones too, with their attestations.
 *
 * @param platform if the tag names an index: takes only the image for this platform and its attestations; if the tag names
 *   an image: the platform to write in the index, in place of the config's
 * @throws LayerhookError as resolvePath
 */
export function entriesFor(layout: Layout, tag: string, platform?: Platform): Descriptor[] {
  const roots = findNamed(layout, layout.readIndex(), tag);
  const all = imagesOf(layout, roots);
  const isIndex = roots.some(({ mediaType }) => ociMediaType(mediaType) === indexMediaType);
  if (platform === undefined) return all.map((descriptor) => withPlatform(layout, descriptor));
  if (!isIndex) return all.map((descriptor) => ({ ...descriptor, platform }));
  const { digest } = resolvePath(layout, tag, { platform }).at(-1)!;
  return all
    .filter((descriptor) => descriptor.digest === digest || attestedImage(descriptor) === digest)
    .map((descriptor) => withPlatform(layout, descriptor));
}

/**
 * Adds descriptors to the index of a tag, and creates the index if the tag is new. An image replaces the one for the same
 * platform, whose attestations go with it. The others stay.
 *
 * @param added descriptors whose blobs the layout has
 * @param others descriptors without a tag that index.json gets too
 * @returns the descriptor of the index
 * @throws LayerhookError INDEX_REQUIRED, IMAGE_UNWRITABLE, and what changeTag throws
 */
export function addToIndex(
  layout: Layout,
  tag: string,
  added: readonly Descriptor[],
  others: readonly Descriptor[] = [],
): Promise<Descriptor> {
  return changeTag(
    layout,
    tag,
    (present) =>
      edit(layout, tag, present, (index) => {
        const platforms = new Platforms(layout);
        let manifests = index.manifests;
        for (const descriptor of added) manifests = withEntry(manifests, descriptor, platforms);
        return manifests;
      }),
    others,
  );
}

/**
 * Removes entries from the index of a tag, each with its attestations. The blobs stay until a gc.
 *
 * @param which digests, or platforms
 * @returns the removed descriptors
 * @throws LayerhookError REFERENCE_NOT_FOUND; INDEX_ENTRY if the index lacks such an entry; and as addToIndex
 */
export async function removeFromIndex(
  layout: Layout,
  tag: string,
  which: readonly (string | Platform)[],
): Promise<Descriptor[]> {
  findNamed(layout, layout.readIndex(), tag);
  let removed: Descriptor[] = [];
  await changeTag(layout, tag, (present) =>
    edit(layout, tag, present, ({ manifests }) => {
      const platforms = new Platforms(layout);
      const gone = new Set(which.flatMap((one) => digestsOf(manifests, one, platforms, { tag })));
      removed = manifests.filter((entry) => gone.has(entry.digest) || gone.has(attestedImage(entry) ?? ''));
      return manifests.filter((entry) => !removed.includes(entry));
    }),
  );
  return removed;
}

async function edit(
  layout: Layout,
  tag: string,
  present: Descriptor | undefined,
  change: (index: Index) => Descriptor[],
): Promise<Descriptor> {
  if (present) {
    requireIndex(present, tag);
    refuseDocker(present);
  }
  const index: Index = present
    ? readIndexBlob(layout, present)
    : { schemaVersion: 2, mediaType: indexMediaType, manifests: [] };
  const blob = await layout.writeBlob(encodeJson({ ...index, manifests: change(index) }));
  const { data: _, ...descriptor } = present ?? { mediaType: indexMediaType };
  return { ...descriptor, ...blob } as Descriptor;
}

/** Puts a descriptor in the place of the same image or of the image for the same platform; else at the end. */
function withEntry(manifests: Descriptor[], added: Descriptor, platforms: Platforms): Descriptor[] {
  const isSame = (entry: Descriptor) =>
    entry.digest === added.digest ||
    (!isOther(entry) && !isOther(added) && samePlatform(entry, added, platforms));
  const replaced = manifests.filter(isSame);
  const gone = new Set(replaced.map(({ digest }) => digest).filter((digest) => digest !== added.digest));
  const at = manifests.findIndex(isSame);
  return manifests
    .map((entry, place) => (place === at ? added : entry))
    .filter((entry) => entry === added || !(isSame(entry) || gone.has((attestedImage(entry) ?? '') as never)))
    .concat(at === -1 ? [added] : []);
}

/** True for an entry that is not an image to run. */
function isOther(entry: Descriptor): boolean {
  return (
    isAttestation(entry) || isUnknown(entry.platform) || ociMediaType(entry.mediaType) === indexMediaType
  );
}

function samePlatform(a: Descriptor, b: Descriptor, platforms: Platforms): boolean {
  const [first, second] = [platforms.of(a), platforms.of(b)];
  return first !== undefined && second !== undefined && platformKey(first) === platformKey(second);
}

function platformKey(platform: Platform): string {
  const { 'os.version': version = '', 'os.features': features = [] } = platform;
  return [showPlatform(platform), version, ...features.toSorted()].join(' ');
}

function digestsOf(
  manifests: readonly Descriptor[],
  which: string | Platform,
  platforms: Platforms,
  { tag }: { tag: string },
): string[] {
  const isWanted = (entry: Descriptor) => {
    if (typeof which === 'string') return entry.digest === which;
    const platform = isOther(entry) ? undefined : platforms.of(entry);
    return platform !== undefined && showPlatform(platform) === showPlatform(which);
  };
  const found = manifests.filter(isWanted).map(({ digest }) => digest);
  if (found.length > 0) return found;
  const wanted = typeof which === 'string' ? which : showPlatform(which);
  throw new LayerhookError('INDEX_ENTRY', { tag, wanted });
}

/** Returns the manifests that descriptors lead to through indexes, without tags, each once. Reads each index once. */
function imagesOf(layout: Layout, roots: readonly Descriptor[]): Descriptor[] {
  const seen = new Set<string>();
  const found: Descriptor[] = [];
  const walk = (descriptor: Descriptor, depth: number): void => {
    if (seen.has(descriptor.digest)) return;
    seen.add(descriptor.digest);
    if (ociMediaType(descriptor.mediaType) !== indexMediaType) {
      found.push(withoutTag(descriptor));
      return;
    }
    if (depth === maxDepth)
      throw new LayerhookError('LIMIT_EXCEEDED', { what: 'depth of nested indexes', limit: maxDepth });
    for (const child of readIndexBlob(layout, descriptor).manifests) walk(child, depth + 1);
  };
  for (const root of roots) walk(root, 0);
  return found;
}

function withPlatform(layout: Layout, descriptor: Descriptor): Descriptor {
  if (descriptor.platform || isOther(descriptor)) return descriptor;
  const platform = new Platforms(layout).of(descriptor);
  return platform ? { ...descriptor, platform } : descriptor;
}
