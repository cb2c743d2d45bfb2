import type { Context } from '../context/context.js';
import { imagesOf } from '../context/erofs-mounts.js';
import { getContent } from '../metadata/records.js';

/**
 * Mounts the EROFS images of contents. They stay mounted at least until the store is closed.
 *
 * @throws LayerhookError MOUNT_FAILED, SNAPSHOT_BROKEN, SYSTEM
 */
export function mountImages({ db, erofs }: Context, contents: readonly string[]): void {
  const images = db.read((reader) =>
    imagesOf(
      contents,
      contents.map((content) => getContent(reader, content)),
    ),
  );
  if (images.length === 0 || erofs.areMounted(images)) return;
  // works on a full disk too, since the transaction writes nothing
  db.writeToFree(() => erofs.mount(images));
}

/** Implements LayerStore's `unmountUnused`. @throws LayerhookError UNMOUNT_FAILED, SYSTEM */
export function unmountUnusedImages({ db, erofs }: Context): void {
  db.writeToFree(() => erofs.unmountUnused());
}
