import { LayerhookError } from '../errors/index.js';
import type { Layout } from './layout.js';
import type { Descriptor, Index } from './types.js';

/** The annotation that holds the tag of a descriptor in index.json; image-spec annotations.md. */
export const REF_NAME = 'org.opencontainers.image.ref.name';

/** An image named on a command line. */
export interface ImageReference {
  /** directory of the layout */
  path: string;
  tag: string;
}

// image-spec annotations.md, the grammar of org.opencontainers.image.ref.name.
const COMPONENT = '[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*';
const TAG = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);

/**
 * Parses `PATH[:TAG]` as umoci does: the first colon ends the path; the default tag is `latest`.
 *
 * @throws LayerhookError REFERENCE_INVALID
 */
export function parseImageReference(value: string): ImageReference {
  const colon = value.indexOf(':');
  const path = colon === -1 ? value : value.slice(0, colon);
  const tag = colon === -1 ? 'latest' : value.slice(colon + 1);
  if (path === '') throw invalid(value, 'its path is empty');
  if (path.includes('\0')) throw invalid(value, 'its path contains a NUL');
  if (tag === '') throw invalid(value, 'its tag is empty');
  if (!isTag(tag)) throw invalid(value, `its tag ${JSON.stringify(tag)} is malformed`);
  return { path, tag };
}

/** True if `tag` is well-formed; image-spec annotations.md, `org.opencontainers.image.ref.name`. */
export function isTag(tag: string): boolean {
  return TAG.test(tag);
}

/** Lists the tags of a layout in the order of index.json; an ambiguous tag is listed more than once. */
export function listTags(layout: Layout): string[] {
  return layout.readIndex().manifests.flatMap((descriptor) => tagOf(descriptor) ?? []);
}

/**
 * Points `tag` to `descriptor` and removes it from all others. The descriptor keeps its other annotations.
 *
 * @returns the descriptor as written to index.json
 * @throws LayerhookError REFERENCE_INVALID, and what Layout.updateIndex throws
 */
export async function setTag(layout: Layout, tag: string, descriptor: Descriptor): Promise<Descriptor> {
  checkTag(tag);
  const tagged = withTag(descriptor, tag);
  await layout.updateIndex((index) => ({ ...index, manifests: [...withoutTag(index, tag), tagged] }));
  return tagged;
}

/**
 * Points `tag` to the image or index that the tag `from` points to.
 *
 * @throws LayerhookError REFERENCE_INVALID, REFERENCE_NOT_FOUND, REFERENCE_AMBIGUOUS, and what Layout.updateIndex
 *   throws
 */
export async function copyTag(layout: Layout, from: string, tag: string): Promise<void> {
  checkTag(from);
  checkTag(tag);
  await layout.updateIndex((index) => {
    const found = index.manifests.filter((descriptor) => tagOf(descriptor) === from);
    if (found.length > 1)
      throw new LayerhookError('REFERENCE_AMBIGUOUS', { reference: from, count: found.length });
    if (!found[0]) throw new LayerhookError('REFERENCE_NOT_FOUND', { reference: from, path: layout.path });
    return { ...index, manifests: [...withoutTag(index, tag), withTag(found[0], tag)] };
  });
}

/**
 * Removes a tag.
 *
 * @returns false if the tag did not exist
 * @throws LayerhookError REFERENCE_INVALID, and what Layout.updateIndex throws
 */
export async function removeTag(layout: Layout, tag: string): Promise<boolean> {
  checkTag(tag);
  let wasThere = false;
  await layout.updateIndex((index) => {
    const manifests = withoutTag(index, tag);
    wasThere = manifests.length < index.manifests.length;
    return wasThere ? { ...index, manifests } : index;
  });
  return wasThere;
}

/** Returns the tag of a descriptor in index.json, or undefined. */
export function tagOf(descriptor: Descriptor): string | undefined {
  return descriptor.annotations?.[REF_NAME];
}

/** @throws LayerhookError REFERENCE_INVALID */
export function checkTag(tag: string): void {
  if (!isTag(tag)) throw invalid(tag, 'it is a malformed tag');
}

function withTag(descriptor: Descriptor, tag: string): Descriptor {
  return { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: tag } };
}

function withoutTag(index: Index, tag: string): Descriptor[] {
  return index.manifests.filter((descriptor) => tagOf(descriptor) !== tag);
}

function invalid(value: string, reason: string): LayerhookError {
  return new LayerhookError('REFERENCE_INVALID', { value: JSON.stringify(value), reason });
}
