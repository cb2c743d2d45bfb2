import { type ByteString, type DeltaContext, fromText, fsError, openMtreeCheck } from 'layerhook';
import { syncFilesystem } from 'layerhook/system';

/**
 * Makes later writes through shared mappings visible in the stat that was taken. Linux stamps a file when one of its
 * pages is first written to, and not again until the page is written back; a file that is the same since the last index
 * has no such page. Of a filesystem without write-back (tmpfs) the page stays writable.
 *
 * @throws LayerhookError SYSTEM, NO_SPACE
 */
export async function protectMappedPages(rootfs: string): Promise<void> {
  try {
    await syncFilesystem(fromText(rootfs));
  } catch (error) {
    throw fsError(error, `cannot flush ${rootfs}`);
  }
}

/** Returns the suspects that differ from the mtree; all of them without an mtree. */
export async function reallyChanged(
  suspects: ByteString[],
  { rootfs, mtree, signal }: DeltaContext,
): Promise<ByteString[]> {
  if (suspects.length === 0 || mtree === null) return suspects;
  const mtreeCheck = await openMtreeCheck(rootfs, mtree);
  try {
    return await mtreeCheck.changed(suspects, signal);
  } finally {
    mtreeCheck.close();
  }
}
