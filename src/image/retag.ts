import { LayerhookError } from '../errors/index.js';
import { onlyUntagged, withoutUntagged } from './find-image.js';
import type { Layout } from './layout.js';
import { indexMediaType, ociMediaType } from './media-types.js';
import { checkTag, defaultTag, tagOf, withTag } from './references.js';
import type { Descriptor, Index } from './types.js';

/** Attempts of a change that other processes overtake. */
const maxAttempts = 100;

/**
 * Changes what a tag names, on the base of what it names now: of two processes that change the same index, none undoes the
 * change of the other.
 *
 * @param change gets the present descriptor of the tag, undefined for a new tag, and returns the new one. It may write
 *   blobs, and runs again if another process has moved the tag meanwhile.
 * @param others descriptors without a tag that index.json gets too, unless it has them
 * @returns the descriptor as written to index.json
 * @throws LayerhookError REFERENCE_AMBIGUOUS, REFERENCE_INVALID, and what `change` and Layout.updateIndex throw
 */
export async function changeTag<T extends Descriptor>(
  layout: Layout,
  tag: string,
  change: (present: Descriptor | undefined) => Promise<T>,
  others: readonly Descriptor[] = [],
): Promise<T> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const present = descriptorOf(layout, layout.readIndex(), tag);
    const changed = withTag(await change(present), tag) as T;
    let isOvertaken = false;
    await layout.updateIndex((index) => {
      isOvertaken = descriptorOf(layout, index, tag)?.digest !== present?.digest;
      if (isOvertaken) return index;
      return withDescriptor(
        { ...index, manifests: withoutUntagged(index.manifests, present) },
        tag,
        changed,
        others,
      );
    });
    if (!isOvertaken) return changed;
  }
  const reason = `other processes move its tag ${tag} all the time`;
  throw new LayerhookError('LAYOUT_UNWRITABLE', { path: layout.path, reason, expected: 'try again later' });
}

function descriptorOf(layout: Layout, index: Index, tag: string): Descriptor | undefined {
  checkTag(index, tag);
  const found = presentOf(layout, index, tag);
  const { size } = new Set(found.map(({ digest }) => digest));
  if (size > 1) throw new LayerhookError('REFERENCE_AMBIGUOUS', { reference: tag, count: size });
  return found[0];
}

/**
 * Returns the descriptors of a tag. The default tag is also that of the only index of a layout without tags; an image without a
 * tag stays beside the new index.
 */
function presentOf(layout: Layout, index: Index, tag: string): Descriptor[] {
  const tagged = index.manifests.filter((descriptor) => tagOf(descriptor) === tag);
  if (tagged.length > 0 || tag !== defaultTag) return tagged;
  return onlyUntagged(layout, index).filter(({ mediaType }) => ociMediaType(mediaType) === indexMediaType);
}

function withDescriptor(
  index: Index,
  tag: string,
  changed: Descriptor,
  others: readonly Descriptor[],
): Index {
  const kept = index.manifests.filter((descriptor) => tagOf(descriptor) !== tag);
  const known = new Set(kept.map(({ digest }) => digest));
  const added = others.filter(({ digest }) => !known.has(digest));
  return { ...index, manifests: [...kept, changed, ...added] };
}
