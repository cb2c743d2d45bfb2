import { Entry, formatManifest, Manifest, toKeywords, umociKeywords } from 'mtree-ts';
import type { PackedFile } from '../../layer/generate/pack.js';
import { mtreeValues } from '../../layer/mtree-values.js';
import type { Change } from '../../layer/types.js';
import type { ByteString } from '../../system/bytes.js';
import { belowOneOf } from './filter-changes.js';

/** Collects the mtree entries of the files that are packed into a layer. */
export class PackedEntries {
  readonly entries = new Map<ByteString, Entry>();

  /** Adds a packed file: `onPacked` of generateLayer. */
  readonly add = (packed: PackedFile): void => {
    const keywords = toKeywords(mtreeValues(packed), umociKeywords);
    this.entries.set(packed.path, new Entry(packed.path, 0, '', keywords));
  };
}

/**
 * Returns the mtree of a rootfs after a repack: the old mtree with the packed entries in their packed state. Entries that were
 * masked, or that changed after packing, keep their old state, so that the next repack finds them.
 *
 * @throws MtreeError for a malformed mtree
 */
export function refreshMtree(old: Manifest, changes: readonly Change[], packed: PackedEntries): Buffer {
  const gone = new Set<ByteString>();
  for (const { path, kind } of changes) if (kind === 'delete') gone.add(path);
  // an entry other than a directory replaces all that was below its name
  for (const { path, type } of packed.entries.values()) if (type !== 'dir') gone.add(path);
  const isGone = belowOneOf(gone);
  const kept = old.entries.filter(({ path }) => !gone.has(path) && !isGone(path));
  const mtree = new Manifest([...kept, ...packed.entries.values()], old.header);
  return formatManifest(mtree, { keywords: umociKeywords });
}
