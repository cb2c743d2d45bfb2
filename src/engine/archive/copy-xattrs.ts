import { isHostXattr } from '../../layer/host-xattrs.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import type { Logger } from '../../system/logger.js';
import { readXattrs, trySetXattr, type XattrTarget } from '../../system/xattr.js';

/** Bookkeeping of overlayfs: an upperdir means the same without it. */
const bookkeeping = /^(?:trusted|user)\.overlay\.(?:origin|impure|nlink|uuid|upper|protattr)$/;

/**
 * Copies the extended attributes of a file to a new one. If the filesystem refuses one that belongs to the host or to
 * overlayfs' bookkeeping, it is left out with a warning: the content does not depend on it.
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
    log.warn('left out an extended attribute, which the destination refuses', {
      path: showBytes(path),
      name: showBytes(name),
    });
  }
}
