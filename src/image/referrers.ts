import { isLayerhookError } from '../errors/index.js';
import type { Layout } from './layout.js';
import { emptyMediaType, indexMediaType, manifestMediaType, ociMediaType } from './media-types.js';
import { readIndexBlob, readManifest } from './read.js';
import { tagOf } from './references.js';
import type { Descriptor } from './types.js';
import { linksOf } from './walk.js';

/** A manifest or index that describes another one: a signature, an SBOM, an attestation; image-spec manifest.md, `subject`. */
export interface Referrer {
  descriptor: Descriptor;
  /** digest of what it describes */
  subject: string;
  /** the descriptor in index.json that leads to it */
  root: Descriptor;
}

/** The tag of a list of referrers; distribution-spec, "Referrers Tag Schema". */
const listTag = /^(sha256|sha512)-([0-9a-f]{64}|[0-9a-f]{128})$/;

/**
 * Lists the referrers that index.json leads to directly, or through the list of referrers that registries without the
 * referrers API keep under a tag such as `sha256-…`. A document that cannot be read has no referrers: it may belong to an
 * image that has nothing to do with the caller's.
 */
export function listReferrers(layout: Layout): Referrer[] {
  return layout.readIndex().manifests.flatMap((root) => {
    const listed = listTag.exec(tagOf(root) ?? '');
    return [
      ...referrer(layout, root, root),
      ...(listed ? listedIn(layout, root, `${listed[1]}:${listed[2]}`) : []),
    ];
  });
}

/** True if a descriptor in index.json is a list of referrers: the index under a tag such as `sha256-…`. */
export function isReferrerList(root: Descriptor): boolean {
  return listTag.test(tagOf(root) ?? '') && ociMediaType(root.mediaType) === indexMediaType;
}

/** Returns the descriptor of a referrer with the `artifactType` that its document has; distribution-spec, "Listing Referrers". */
export function describeReferrer(layout: Layout, { descriptor }: Referrer): Descriptor {
  if (descriptor.artifactType || ociMediaType(descriptor.mediaType) !== manifestMediaType) return descriptor;
  const { artifactType, config } = readManifest(layout, descriptor);
  const type = artifactType ?? (config.mediaType === emptyMediaType ? undefined : config.mediaType);
  return { ...descriptor, ...(type !== undefined && { artifactType: type }) };
}

function referrer(layout: Layout, descriptor: Descriptor, root: Descriptor): Referrer[] {
  const subject = readable(() => linksOf(layout, descriptor).subject);
  return subject ? [{ descriptor, subject: subject.digest, root }] : [];
}

function listedIn(layout: Layout, root: Descriptor, subject: string): Referrer[] {
  if (!isReferrerList(root)) return [];
  const { manifests } = readable(() => readIndexBlob(layout, root)) ?? { manifests: [] };
  return manifests.map((descriptor) => ({ descriptor, subject, root }));
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const isUnread = isLayerhookError(error, 'SYSTEM') || isLayerhookError(error, 'FILE_NOT_FOUND');
    if (isLayerhookError(error) && !isUnread) return undefined;
    throw error;
  }
}
