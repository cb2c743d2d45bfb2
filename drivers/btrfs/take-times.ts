import type { Change } from 'layerhook';
import {
  AT_FDCWD,
  type ByteString,
  close,
  E,
  fromText,
  O,
  openat,
  SystemError,
  statAt,
  tryOpenat,
  unchangedTime,
  utimensat,
} from 'layerhook/system';
import { FileStat } from './same-file.js';

/**
 * Gives the packed files of a rootfs the times that they have in the new layer, where SOURCE_DATE_EPOCH made them older: they
 * would differ from the layer for ever. Files that changed since the repack began keep their times.
 *
 * @param layer path of the subvolume with the new layer
 * @param began when the repack began, in ns since the epoch
 * @throws SystemError
 */
export function takeTimes(rootfs: string, layer: string, changes: readonly Change[], began: bigint): void {
  const [upper, lower] = [new FileStat(), new FileStat()];
  for (const path of withParents(changes)) {
    const found = inParent(layer, path, (dirfd, name) => statAt(dirfd, name, lower));
    if (!found) continue;
    inParent(rootfs, path, (dirfd, name) => {
      if (!statAt(dirfd, name, upper) || upper.type !== lower.type) return;
      if (upper.mtimeSec <= lower.mtimeSec || upper.ctime >= began) return;
      utimensat(dirfd, name, unchangedTime, { sec: lower.mtimeSec, nsec: lower.mtimeNsec });
    });
  }
}

/** Returns the paths of what is packed: a layer has an entry for each parent too. */
function withParents(changes: readonly Change[]): Set<ByteString> {
  const paths = new Set<ByteString>(['.']);
  for (const { path } of changes)
    for (
      let at: ByteString = path;
      at !== '' && !paths.has(at);
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')))
    )
      paths.add(at);
  return paths;
}

const gone: readonly number[] = [E.ENOENT, E.ENOTDIR, E.ELOOP];

/** Runs `use` in the directory of a path, if it exists; follows no symlink. @throws SystemError */
function inParent<T>(
  root: string,
  path: ByteString,
  use: (dirfd: number, name: ByteString) => T,
): T | undefined {
  const names = path.split('/');
  const last = names.pop()!;
  const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
  let fd = openat(AT_FDCWD, fromText(root), flags);
  try {
    for (const name of names) {
      const next = tryOpenat(fd, name, flags);
      if (gone.includes(-next)) return undefined;
      if (next < 0) throw new SystemError(-next, 'openat', name);
      close(fd);
      fd = next;
    }
    return use(fd, last);
  } finally {
    close(fd);
  }
}
