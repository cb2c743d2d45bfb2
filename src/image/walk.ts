import type { Layout } from './layout.js';
import { indexMediaType, manifestMediaType, ociMediaType } from './media-types.js';
import { readIndexBlob, readManifest } from './read.js';
import type { Descriptor } from './types.js';

/**
 * Finds all blobs that descriptors lead to, themselves included. Only manifests and indexes are followed; a blob of
 * another media type is a leaf. Each document is read once.
 *
 * @param options `subjects`: true follows the `subject` of a document too, if the layout has it
 * @returns a descriptor for each digest, also of missing blobs
 * @throws LayerhookError what reading a manifest or an index throws
 */
export function reachableFrom(
  layout: Layout,
  roots: readonly Descriptor[],
  { subjects = false }: { subjects?: boolean } = {},
): Map<string, Descriptor> {
  const reachable = new Map<string, Descriptor>();
  const seen = new Set<string>();
  const todo = [...roots];
  for (let descriptor = todo.pop(); descriptor; descriptor = todo.pop()) {
    const key = `${descriptor.mediaType} ${descriptor.digest}`;
    if (seen.has(key)) continue;
    seen.add(key);
    reachable.set(descriptor.digest, descriptor);
    const { children, subject } = linksOf(layout, descriptor);
    // not one push: an index may have more children than a call may have arguments
    for (const child of children) todo.push(child);
    if (subjects && subject && layout.hasBlob(subject.digest)) todo.push(subject);
  }
  return reachable;
}

/** What a document leads to. */
export interface Links {
  children: Descriptor[];
  /** the document that this one describes, such as the image of a signature; image-spec manifest.md, `subject` */
  subject?: Descriptor | undefined;
}

/** Reads what a descriptor leads to; nothing unless it is a manifest or an index. @throws LayerhookError as {@link reachableFrom} */
export function linksOf(layout: Layout, descriptor: Descriptor): Links {
  switch (ociMediaType(descriptor.mediaType)) {
    case indexMediaType: {
      const { manifests, subject } = readIndexBlob(layout, descriptor);
      return { children: manifests, subject };
    }
    case manifestMediaType: {
      const { config, layers, subject } = readManifest(layout, descriptor);
      return { children: [config, ...layers], subject };
    }
    default:
      return { children: [] };
  }
}
