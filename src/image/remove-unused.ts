import { rmdirSync } from 'node:fs';
import { AT_REMOVEDIR, tryUnlinkat } from '../system/files.js';
import { pathIn } from '../system/xattr.js';
import { encodeJson } from '../text/json-lossless.js';
import { readSmallFile } from './layout-files.js';
import { withLock } from './lock.js';
import { emptyIndex } from './resume-layout.js';
import { firstLivingSession, sweepBlobs } from './sweep.js';
import { algorithms, LayoutFiles } from './writer-files.js';

/**
 * Removes a layout after a failure of the command that created it. A layout with an image, or with another writer, stays. It
 * works by file descriptor and follows no symlink, because the owner of the parent directory may exchange the layout.
 *
 * @param path directory of the layout
 * @param keepDirectory true if the directory existed before the layout
 * @returns false if the layout stays
 * @throws LayerhookError LAYOUT_INVALID, SYSTEM; LIMIT_EXCEEDED if another process has just put an image into the
 *   layout
 */
export function removeUnused(path: string, keepDirectory: boolean): Promise<boolean> {
  return withLock(path, 'exclusive', () => {
    const files = new LayoutFiles(path);
    try {
      if (isUsed(files) || !removeFiles(files)) return false;
    } finally {
      files.close();
    }
    if (!keepDirectory) rmdirSync(path);
    return true;
  });
}

function isUsed(files: LayoutFiles): boolean {
  const empty = encodeJson(emptyIndex);
  const index = readSmallFile(pathIn(files.fd, 'index.json'), empty.length);
  return index?.equals(empty) !== true || firstLivingSession(files) !== undefined;
}

/** Removes `oci-layout` last, which marks the layout as whole. Returns false if `blobs` has foreign files. */
function removeFiles(files: LayoutFiles): boolean {
  sweepBlobs(files, new Set(), undefined);
  for (const algorithm of algorithms) tryUnlinkat(files.fd, `blobs/${algorithm}`, AT_REMOVEDIR);
  if (tryUnlinkat(files.fd, 'blobs', AT_REMOVEDIR) < 0) return false;
  for (const name of ['index.json', 'oci-layout']) tryUnlinkat(files.fd, name);
  return true;
}
