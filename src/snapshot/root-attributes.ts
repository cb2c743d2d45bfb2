import { fchmodat, fchownat, utimensat } from '../system/attributes.js';
import { fromText } from '../system/bytes.js';
import { E, SystemError } from '../system/errno.js';
import { AT_FDCWD } from '../system/files.js';
import { StatBuffer, statAt } from '../system/stat.js';
import { readXattrs, trySetXattr } from '../system/xattr.js';

const source = new StatBuffer();

/**
 * Gives a new upper directory the mode, owner, extended attributes and times of the directory below it: an overlay
 * shows the root directory as its highest layer has it.
 *
 * @throws SystemError
 */
export function copyRootAttributes(from: string, to: string): void {
  const [fromPath, toPath] = [fromText(from), fromText(to)];
  if (!statAt(AT_FDCWD, fromPath, source)) throw new SystemError('ENOENT', 'statx', fromPath);
  fchownat(AT_FDCWD, toPath, source.uid, source.gid);
  fchmodat(AT_FDCWD, toPath, source.mode);
  for (const [name, value] of readXattrs(fromPath)) {
    if (isPrivate(name)) continue;
    const done = trySetXattr(toPath, name, value);
    if (done < 0 && !(isLabel(name) && (done === -E.ENOTSUP || done === -E.EPERM)))
      throw new SystemError(-done, 'setxattr', toPath);
  }
  utimensat(AT_FDCWD, toPath, source.mtimeSec, source.mtimeNsec, source.mtimeSec, source.mtimeNsec);
}

/** What overlayfs says of one of its layers, true only of that; an escaped one is an attribute of the image. */
function isPrivate(name: string): boolean {
  return /^(trusted|user)\.overlay\.(?!overlay\.)/.test(name);
}

/** Labels that the machine's policy gives, and may refuse. */
function isLabel(name: string): boolean {
  return name.startsWith('security.') && name !== 'security.capability';
}
