import { LayerhookError } from '../errors/index.js';
import { isDigest } from './digest.js';
import type { Layout } from './layout.js';
import { splitTransport } from './layout-name.js';
import { refNameAnnotation } from './ref-name.js';
import type { Descriptor, Digest, Index } from './types.js';

/** An image named on a command line. */
export interface ImageReference {
  /** directory of the layout, or `oci-archive:FILE` or `docker-archive:FILE` */
  path: string;
  /** the tag, or `@` and a digest, which is not a well-formed tag: see find-image.ts */
  tag: string;
}

/** The tag of a reference without one. */
export const defaultTag = 'latest';

/**
 * What a tag cannot have: another character, a separator at an end, or two separators side by side other than `--`. A pattern
 * of whole tags would overflow the stack at a tag of 8 MB.
 */
const malformedTag = /[^A-Za-z0-9._:@+/-]|^[^A-Za-z0-9]|[^A-Za-z0-9]$|[._:@+/][._:@+/-]|-[._:@+/]|---/;

const byDigest = /^([^:]*)@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/s;

/**
 * Parses `PATH[:TAG]` as umoci does: the first colon ends the path; the default tag is `latest`. `PATH@DIGEST` names an
 * image by its digest. A path may be `oci-archive:FILE` or `docker-archive:FILE`. The tag may be one that
 * is malformed: other tools write such tags, and `checkTag` refuses one only if the layout lacks it.
 *
 * @throws LayerhookError REFERENCE_INVALID
 */
export function parseImageReference(value: string): ImageReference {
  const { file } = splitTransport(value);
  const end = value.length - file.length + (byDigest.exec(file)?.[1] ?? file).length;
  const isDigest = end < value.length;
  const colon = isDigest ? end : value.indexOf(':', value.length - file.length);
  const path = colon === -1 ? value : value.slice(0, colon);
  const tag = isDigest ? value.slice(end) : colon === -1 ? defaultTag : value.slice(colon + 1);
  if (splitTransport(path).file === '') throw invalid(value, 'its path is empty');
  if (path.includes('\0')) throw invalid(value, 'its path contains a NUL');
  if (tag === '') throw invalid(value, 'its tag is empty');
  return { path, tag };
}

/** True if a tag is well-formed; image-spec annotations.md, `org.opencontainers.image.ref.name`. */
export function isTag(tag: string): boolean {
  return tag !== '' && !malformedTag.test(tag);
}

/** Returns the digest that an image is named by, in place of a tag; undefined for a tag. */
export function digestIn(tag: string): Digest | undefined {
  const digest = tag.slice(1);
  return tag.startsWith('@') && isDigest(digest) ? digest : undefined;
}

/** Lists the tags of a layout in the order of index.json; an ambiguous tag is listed once for each image. */
export function listTags(layout: Layout): string[] {
  return listTagged(layout).map(({ tag }) => tag);
}

/** Lists the tags as {@link listTags} does, each with its descriptor. */
export function listTagged(layout: Layout): { tag: string; descriptor: Descriptor }[] {
  const seen = new Set<string>();
  return layout.readIndex().manifests.flatMap((descriptor) => {
    const tag = tagOf(descriptor);
    const key = `${descriptor.digest} ${tag}`;
    if (tag === undefined || seen.has(key)) return [];
    seen.add(key);
    return [{ tag, descriptor }];
  });
}

/**
 * Points `tag` to `descriptor` and removes it from all others. The descriptor keeps its other annotations.
 *
 * @returns the descriptor as written to index.json
 * @throws LayerhookError REFERENCE_INVALID, and what Layout.updateIndex throws
 */
export async function setTag(layout: Layout, tag: string, descriptor: Descriptor): Promise<Descriptor> {
  const tagged = withTag(descriptor, tag);
  await layout.updateIndex((index) => {
    checkTag(index, tag);
    return { ...index, manifests: [...untagged(index, tag), tagged] };
  });
  return tagged;
}

/**
 * Removes a tag.
 *
 * @returns false if the tag did not exist
 * @throws LayerhookError REFERENCE_INVALID, and what Layout.updateIndex throws
 */
export async function removeTag(layout: Layout, tag: string): Promise<boolean> {
  let wasThere = false;
  await layout.updateIndex((index) => {
    checkTag(index, tag);
    const manifests = untagged(index, tag);
    wasThere = manifests.length < index.manifests.length;
    return wasThere ? { ...index, manifests } : index;
  });
  return wasThere;
}

/** Returns the tag of a descriptor in index.json; undefined if it is missing or empty. */
export function tagOf(descriptor: Descriptor): string | undefined {
  return descriptor.annotations?.[refNameAnnotation] || undefined;
}

/** @throws LayerhookError REFERENCE_INVALID if the tag is malformed, unless the layout already has it */
export function checkTag(index: Index, tag: string): void {
  if (isTag(tag) || index.manifests.some((descriptor) => tagOf(descriptor) === tag)) return;
  const isByDigest = digestIn(tag) !== undefined;
  throw invalid(
    tag,
    isByDigest ? 'a digest cannot be a tag' : 'the tag breaks the grammar of the image-spec',
  );
}

/** Returns a descriptor without its tag. */
export function withoutTag(descriptor: Descriptor): Descriptor {
  const { annotations = {}, ...rest } = descriptor;
  const { [refNameAnnotation]: _, ...others } = annotations;
  return (Object.keys(others).length > 0 ? { ...rest, annotations: others } : rest) as Descriptor;
}

/** Returns a descriptor with a tag. */
export function withTag(descriptor: Descriptor, tag: string): Descriptor {
  return { ...descriptor, annotations: { ...descriptor.annotations, [refNameAnnotation]: tag } };
}

function untagged(index: Index, tag: string): Descriptor[] {
  return index.manifests.filter((descriptor) => tagOf(descriptor) !== tag);
}

function invalid(value: string, reason: string): LayerhookError {
  return new LayerhookError('REFERENCE_INVALID', { value: JSON.stringify(value), reason });
}
