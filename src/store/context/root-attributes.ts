import { isMark } from '../../layer/overlay-marks.js';
import { fchmodat, fchownat, utimensat } from '../../system/attributes.js';
import type { ByteString } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD } from '../../system/files.js';
import { StatBuffer, statAt } from '../../system/stat.js';
import { readXattrs, trySetXattr } from '../../system/xattr.js';

const source = new StatBuffer();

/**
 * Gives a new upperdir the mode, owner, extended attributes and times of the directory below it, because an overlay
 * shows the root directory of its highest layer.
 *
 * @throws SystemError
 */
export function copyRootAttributes(from: ByteString, to: ByteString): void {
  if (!statAt(AT_FDCWD, from, source)) throw new SystemError('ENOENT', 'statx', from);
  fchownat(AT_FDCWD, to, source.uid, source.gid);
  fchmodat(AT_FDCWD, to, source.mode);
  for (const [name, value] of readXattrs(from)) {
    if (isPrivate(name)) continue;
    const done = trySetXattr(to, name, value);
    if (done < 0 && !(isLabel(name) && (done === -E.ENOTSUP || done === -E.EPERM)))
      throw new SystemError(-done, 'setxattr', to);
  }
  utimensat(AT_FDCWD, to, source.mtime, source.mtime);
}

/** True for an attribute that overlayfs keeps about one layer only. An escaped attribute belongs to the image. */
function isPrivate(name: string): boolean {
  return isMark(name, 'trusted') || isMark(name, 'user');
}

/** True for a security label: the policy of the machine assigns these and may refuse a copy. */
function isLabel(name: string): boolean {
  return name.startsWith('security.') && name !== 'security.capability';
}
