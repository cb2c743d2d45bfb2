import { fsError } from '../errors/fs-error.js';
import { copyRootAttributes } from '../store/context/root-attributes.js';
import { type ByteString, fromText } from '../system/bytes.js';
import { AT_FDCWD, close, O, openat } from '../system/files.js';
import { DT, readDirectory } from '../system/readdir.js';
import { StatBuffer, statAt } from '../system/stat.js';
import { getXattr, isUnsupported } from '../system/xattr.js';

/** ms by which the clock of files may be behind */
const TICK = 20;
const stat = new StatBuffer();

/**
 * Gives the directories that a layer does not list, and that are there because something in them is listed, what the layers
 * below say of them. Without its parent a layer is extracted as if nothing was below: such a directory, root's with mode
 * 0755, would hide what the one below is, as it does with containerd's own overlayfs.
 *
 * A directory that the layer lists has had its time set to what the layer says. That of another is of the last change in it.
 *
 * @param upper the layer's own files, as overlayfs has them
 * @param lowers of the layers below, highest first
 * @param since ms since the epoch at which `upper` was made
 * @throws LayerhookError SYSTEM
 */
export function settleDirectories(upper: string, lowers: string[], since: number): void {
  try {
    // it was made with more than one call
    const todo: Merged[] = [{ upper: fromText(upper), lowers: lowers.map(fromText), isMarked: true }];
    for (let directory = todo.pop(); directory !== undefined; directory = todo.pop())
      todo.push(...settle(directory, since));
  } catch (error) {
    throw fsError(error, `settling ${upper}`);
  }
}

/** A directory of the layer. */
interface Merged {
  upper: ByteString;
  /** what it is merged with: directories all, highest first */
  lowers: ByteString[];
  /** it was changed, and not by what was put into it */
  isMarked: boolean;
}

/** Settles a directory. @returns the directories in it that are merged with others */
function settle({ upper, lowers, isMarked }: Merged, since: number): Merged[] {
  const [below] = lowers;
  if (below === undefined) return [];
  const hidesLower = isOpaque(upper);
  if (isImplicit(upper, since, isMarked || hidesLower)) copyRootAttributes(below, upper);
  if (hidesLower) return [];
  return directoriesIn(upper).map((name) => ({
    upper: `${upper}/${name}`,
    lowers: merged(lowers, name),
    isMarked: false,
  }));
}

function isImplicit(path: ByteString, since: number, isMarked: boolean): boolean {
  if (!statAt(AT_FDCWD, path, stat)) return false;
  const { uid, gid, mode, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec } = stat;
  if (uid !== 0 || gid !== 0 || mode !== 0o755) return false;
  if (isMarked) return mtimeSec * 1000 + mtimeNsec / 1e6 >= since - TICK;
  return mtimeSec === ctimeSec && mtimeNsec === ctimeNsec;
}

/** What the directory `name` is merged with, in one that is merged with `lowers`. */
function merged(lowers: ByteString[], name: ByteString): ByteString[] {
  const found: ByteString[] = [];
  for (const lower of lowers) {
    const path = `${lower}/${name}`;
    if (!statAt(AT_FDCWD, path, stat)) continue;
    // a whiteout is none either
    if (!stat.isDirectory) break;
    found.push(path);
    if (isOpaque(path)) break;
  }
  return found;
}

function isOpaque(path: ByteString): boolean {
  try {
    return getXattr(path, 'trusted.overlay.opaque')?.toString('latin1') === 'y';
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}

function directoriesIn(path: ByteString): ByteString[] {
  const fd = openat(AT_FDCWD, path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    return readDirectory(fd).flatMap(({ name, type }) => {
      if (type !== DT.UNKNOWN) return type === DT.DIR ? [name] : [];
      return statAt(AT_FDCWD, `${path}/${name}`, stat) && stat.isDirectory ? [name] : [];
    });
  } finally {
    close(fd);
  }
}
