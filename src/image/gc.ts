import type { Layout } from './layout.js';
import { indexMediaType, manifestMediaType, ociMediaType } from './media-types.js';
import { readIndexBlob, readManifest } from './read.js';
import type { GarbageResult } from './storage/storage.js';
import type { Descriptor } from './types.js';

/**
 * Removes every blob that index.json does not lead to, and temporary files of dead writers. Only manifests and indexes
 * are followed; a blob of another media type is a leaf. If a manifest or index is missing or corrupt, nothing is
 * removed; only a `subject` may be missing, as the image-spec allows.
 *
 * It is safe while others write: our lock keeps index.json unchanged and lets no blob be published. While a writer's
 * session is open (see session.ts; umoci's sessions are recognised too), blobs made since it began are spared, because
 * a tag may soon need them. umoci does not use our lock, so its writers may lose a blob that was garbage before they
 * wrote it again during this call.
 *
 * @throws LayerhookError LAYOUT_INVALID, IMAGE_INVALID, BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, BLOB_MEDIA_TYPE,
 *   DIGEST_INVALID, LIMIT_EXCEEDED, ABORTED, SYSTEM
 */
export function collectGarbage(layout: Layout): Promise<GarbageResult> {
  return layout.lock('exclusive', () => layout.sweep(() => findReachable(layout)));
}

/** Returns the digests that index.json leads to, including those of missing blobs. */
function findReachable(layout: Layout): Set<string> {
  const reachable = new Set<string>();
  const seen = new Set<string>();
  const todo = [...layout.readIndex().manifests];
  for (let descriptor = todo.pop(); descriptor; descriptor = todo.pop()) {
    const key = `${descriptor.mediaType} ${descriptor.digest}`;
    if (seen.has(key)) continue;
    seen.add(key);
    reachable.add(descriptor.digest);
    // not one push: an index may have more children than a call may have arguments
    for (const child of children(layout, descriptor)) todo.push(child);
  }
  return reachable;
}

function children(layout: Layout, descriptor: Descriptor): Descriptor[] {
  switch (ociMediaType(descriptor.mediaType)) {
    case indexMediaType: {
      const { manifests, subject } = readIndexBlob(layout, descriptor);
      return [...manifests, ...present(layout, subject)];
    }
    case manifestMediaType: {
      const { config, layers, subject } = readManifest(layout, descriptor);
      return [config, ...layers, ...present(layout, subject)];
    }
    default:
      return [];
  }
}

function present(layout: Layout, subject: Descriptor | undefined | null): Descriptor[] {
  return subject && layout.hasBlob(subject.digest) ? [subject] : [];
}
