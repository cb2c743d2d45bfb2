import type { OnProgress } from '../system/work-progress.js';
import type { Layout } from './layout.js';
import type { GarbageResult } from './storage/storage.js';
import { reachableFrom } from './walk.js';

/**
 * Removes every blob that index.json does not lead to, and temporary files of dead writers. Referrers that index.json
 * lists are kept, with their subjects. If a manifest or index is missing or corrupt, nothing is removed; only a `subject`
 * may be missing, as the image-spec allows.
 *
 * It is safe while others write: our lock keeps index.json unchanged and lets no blob be published. While a writer's
 * session is open (see session.ts; umoci's sessions are recognised too), blobs made since it began are spared, because
 * a tag may soon need them. umoci does not use our lock, so its writers may lose a blob that was garbage before they
 * wrote it again during this call.
 *
 * @throws LayerhookError LAYOUT_INVALID, IMAGE_INVALID, BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, BLOB_MEDIA_TYPE,
 *   DIGEST_INVALID, LIMIT_EXCEEDED, ABORTED, SYSTEM
 */
export function collectGarbage(layout: Layout, onSwept?: OnProgress): Promise<GarbageResult> {
  return layout.lock('exclusive', () => layout.sweep(() => reachable(layout), onSwept));
}

function reachable(layout: Layout): Set<string> {
  return new Set(reachableFrom(layout, layout.readIndex().manifests, { subjects: true }).keys());
}
