import { isHostXattr, type Logger } from 'layerhook';
import {
  type ByteString,
  E,
  readXattrs,
  SystemError,
  showBytes,
  trySetXattr,
  type XattrTarget,
} from 'layerhook/system';

/** What overlayfs notes for itself: without it an upperdir means the same. */
const bookkeeping = /^(?:trusted|user)\.overlay\.(?:origin|impure|nlink|uuid|upper|protattr)$/;

/**
 * Gives a new file the extended attributes of another. Those that say nothing of the content, of the host or of
 * overlayfs' bookkeeping, are left out with a warning where the filesystem does not take them.
 *
 * @throws SystemError
 */
export function copyXattrs(from: XattrTarget, to: XattrTarget, path: ByteString, log: Logger): void {
  for (const [name, value] of readXattrs(from)) {
    const done = trySetXattr(to, name, value);
    if (done >= 0) continue;
    const unwilling = done === -E.ENOTSUP || done === -E.EPERM || done === -E.EACCES;
    if (!unwilling || !(isHostXattr(name) || bookkeeping.test(name)))
      throw new SystemError(-done, `setxattr ${showBytes(name)}`, path);
    log.warn('left out an extended attribute, which the destination does not take', {
      path: showBytes(path),
      name: showBytes(name),
    });
  }
}
