import { LayerhookError } from '../../errors/index.js';
import {
  isWhiteout,
  type Marks,
  type OverlayFormat,
  opaqueName,
  readMarks,
  whiteoutPrefix,
} from '../../layer/overlay-marks.js';
import type { Change } from '../../layer/types.js';
import { type Visit, walkSteps } from '../../layer/walk/index.js';
import { isWithin, parentOf } from '../../overlay/paths.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { inTurns } from '../../system/steps.js';
import { pathIn } from '../../system/xattr.js';

/** The changes of an upperdir, read without its lowerdirs. */
export interface OwnChanges {
  changes: Change[];
  /** paths of whiteouts: the container sees no files there */
  hidden: Set<ByteString>;
}

/**
 * Reads an upperdir as changes of a layer: each file in it is a change, a whiteout deletes, an opaque directory hides the
 * lower content.
 *
 * @throws LayerhookError ARCHIVE_UPPERDIR for a file whose content is in a lowerdir (`redirect_dir`, `metacopy`)
 */
export async function readChanges(
  upperdir: string,
  format: OverlayFormat,
  signal: AbortSignal,
): Promise<OwnChanges> {
  const changes: Change[] = [];
  const hidden = new Set<ByteString>();
  const fuseOpaque = new Set<ByteString>();
  const fuseDeleted: ByteString[] = [];
  let parents: { path: ByteString; marks: Marks }[] = [];
  const visit: Visit = (path, stat, dirfd, name) => {
    const parent = parentOf(path);
    parents = parents.filter((above) => isWithin(parent, above.path));
    const file = path === '.' ? dirfd : pathIn(dirfd, name);
    if (isWhiteout(stat, parents.at(-1)?.marks.markedWhiteouts ?? false, pathIn(dirfd, name), format)) {
      hidden.add(path);
      changes.push({ path, kind: 'delete' });
    } else if (format === 'fuse' && name.startsWith(whiteoutPrefix)) {
      if (name === opaqueName) fuseOpaque.add(parent);
      else fuseDeleted.push(path.slice(0, path.length - name.length) + name.slice(whiteoutPrefix.length));
    } else {
      const marks = readMarks(file, format);
      refuseReference(upperdir, path, marks);
      if (stat.isDirectory) parents.push({ path, marks });
      changes.push({ path, kind: 'modify', ...(marks.opaque && { opaque: true }) });
    }
  };
  await inTurns(walkSteps(upperdir, visit), signal);
  const there = new Set(changes.map(({ path }) => path));
  const deleted = fuseDeleted.filter((path) => !there.has(path));
  return {
    changes: [
      ...changes.map((change) => (fuseOpaque.has(change.path) ? { ...change, opaque: true } : change)),
      ...deleted.map((path): Change => ({ path, kind: 'delete' })),
    ],
    hidden,
  };
}

/** Returns true if the content of a file in an upperdir is in a lowerdir. */
export async function refersBelow(
  upperdir: string,
  format: OverlayFormat,
  signal: AbortSignal,
): Promise<boolean> {
  let found = false;
  const visit: Visit = (path, stat, dirfd, name) => {
    if (found || !(stat.isDirectory || stat.isFile)) return false;
    const { metacopy, redirect } = readMarks(path === '.' ? dirfd : pathIn(dirfd, name), format);
    found = metacopy || redirect !== undefined;
    return !found;
  };
  await inTurns(walkSteps(upperdir, visit), signal);
  return found;
}

function refuseReference(upperdir: string, path: ByteString, { metacopy, redirect }: Marks): void {
  if (!metacopy && redirect === undefined) return;
  const what = metacopy ? 'has its content' : 'has its entries';
  const reason = `${showBytes(path)} of ${upperdir} ${what} in a lower layer; use whiteout=overlay, or the method oci`;
  throw new LayerhookError('ARCHIVE_UPPERDIR', { mountPoint: 'the container', reason });
}
