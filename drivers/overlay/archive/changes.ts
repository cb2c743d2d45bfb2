import { type Change, inTurns, LayerhookError, type Visit, walkSteps } from 'layerhook';
import { type ByteString, pathIn, showBytes } from 'layerhook/system';
import { isWhiteout } from '../lower.js';
import { type Marks, type OverlayFormat, opaqueName, readMarks, whiteoutPrefix } from '../marks.js';

/** An upperdir read by itself. */
export interface OwnChanges {
  changes: Change[];
  /** paths of whiteouts, which are no files of the container's */
  hidden: Set<ByteString>;
}

/**
 * What an upperdir says by itself, in the words of layers: everything in it is a change, its whiteouts delete, its
 * opaque directories hide what any layer below has.
 *
 * @throws LayerhookError ARCHIVE_UPPERDIR if only the layers below tell what something is (`redirect_dir`, `metacopy`)
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
    parents = parents.filter((above) => above.path === parent || isAbove(above.path, parent));
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

/** Whether something in an upperdir is to be had only with the layers below. */
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
  const what = metacopy ? 'has its content' : 'has what is in it';
  const reason = `${showBytes(path)} of ${upperdir} ${what} in a layer below; use whiteout=overlay, or the method oci`;
  throw new LayerhookError('ARCHIVE_UPPERDIR', { mountPoint: 'the container', reason });
}

function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

function isAbove(directory: ByteString, path: ByteString): boolean {
  return directory === '.' || path.startsWith(`${directory}/`);
}
