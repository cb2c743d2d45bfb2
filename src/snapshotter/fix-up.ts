import { fsError } from '../errors/fs-error.js';
import { LowerStack } from '../layer/lower/lower-stack.js';
import { readMarks } from '../layer/overlay-marks.js';
import { copyRootAttributes } from '../store/context/root-attributes.js';
import { type ByteString, fromText } from '../system/bytes.js';
import { AT_FDCWD, close, O, openat } from '../system/files.js';
import { DT, readDirectory } from '../system/readdir.js';
import { StatBuffer, statAt } from '../system/stat.js';

/** ms by which the clock of files may be behind */
const tick = 20;
const stat = new StatBuffer();

/**
 * Fixes up a layer that was extracted without its parent: gives the directories that the layer does not list the attributes
 * of the lower ones. The extraction made such a directory with mode 0755, owned by root, because something in it is listed;
 * it would hide the attributes of the lower directory, as it does with containerd's own overlayfs snapshotter.
 *
 * A directory that the layer lists has the time that the layer gives. Other directories have the time of the last change in
 * them.
 *
 * @param upper directory of the layer, in the form of overlayfs
 * @param lowers directories of its lower layers, highest first
 * @param since ms since the epoch at which `upper` was made
 * @throws LayerhookError SYSTEM
 */
export function fixUpDirectories(upper: string, lowers: string[], since: number): void {
  try {
    const lower = LowerStack.open(lowers, 'trusted');
    // several calls made the root directory
    const todo: Merged[] = [{ upper: fromText(upper), lower, isMarked: true }];
    for (let directory = todo.pop(); directory !== undefined; directory = todo.pop())
      todo.push(...fixUp(directory, since));
  } catch (error) {
    throw fsError(error, `fixing up ${upper}`);
  }
}

/** A directory of the layer. */
interface Merged {
  upper: ByteString;
  /** the lower directory that a mount merges into it */
  lower: LowerStack;
  /** true if a call other than making a file in it changed the directory */
  isMarked: boolean;
}

/** Fixes up a directory. @returns its subdirectories that are merged with lower ones */
function fixUp({ upper, lower, isMarked }: Merged, since: number): Merged[] {
  const { top } = lower;
  if (top === undefined) return [];
  const { opaque } = readMarks(upper, 'trusted');
  if (isImplicit(upper, since, isMarked || opaque)) copyRootAttributes(top, upper);
  if (opaque) return [];
  return directoriesIn(upper).flatMap((name) => {
    const directory = lower.find(name)?.directory ?? null;
    return directory === null ? [] : [{ upper: `${upper}/${name}`, lower: directory, isMarked: false }];
  });
}

/** Returns true if the layer does not list a directory. */
function isImplicit(path: ByteString, since: number, isMarked: boolean): boolean {
  if (!statAt(AT_FDCWD, path, stat)) return false;
  const { uid, gid, mode, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec } = stat;
  if (uid !== 0 || gid !== 0 || mode !== 0o755) return false;
  if (isMarked) return mtimeSec * 1000 + mtimeNsec / 1e6 >= since - tick;
  return mtimeSec === ctimeSec && mtimeNsec === ctimeNsec;
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
