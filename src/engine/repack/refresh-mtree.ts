import { Entry, formatManifest, Manifest, toKeywords, umociKeywords } from 'mtree-ts';
import type { PackedFile } from '../../layer/generate/index.js';
import { manifestValues } from '../../layer/manifest-values.js';
import type { Change } from '../../layer/types.js';
import type { ByteString } from '../../system/bytes.js';
import { belowOneOf } from './filter-changes.js';

/** Remembers what was put into a layer, for the manifest. */
export class PackedEntries {
  readonly entries = new Map<ByteString, Entry>();

  /** To be called for each file that is packed: `onPacked` of generateLayer. */
  readonly add = (packed: PackedFile): void => {
    const keywords = toKeywords(manifestValues(packed), umociKeywords);
    this.entries.set(packed.path, new Entry(packed.path, 0, '', keywords));
  };
}

/**
 * Returns the mtree of a rootfs after a repack: the old mtree with the packed entries in their packed state. Entries that were
 * masked, or that changed after packing, keep their old state, so that the next repack finds them.
 *
 * @throws MtreeError for a malformed manifest
 */
export function refreshMtree(old: Manifest, changes: readonly Change[], packed: PackedEntries): Buffer {
  const gone = new Set<ByteString>();
  for (const { path, kind } of changes) if (kind === 'delete') gone.add(path);
  // what was below it went with the directory that was there
  for (const { path, type } of packed.entries.values()) if (type !== 'dir') gone.add(path);
  const isGone = belowOneOf(gone);
  const kept = old.entries.filter(({ path }) => !gone.has(path) && !isGone(path));
  const manifest = new Manifest([...kept, ...packed.entries.values()], old.header);
  return formatManifest(manifest, { keywords: umociKeywords });
}
