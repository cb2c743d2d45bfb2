import type { ByteString } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { tryRemoveTreeAt } from '../../system/remove.js';
import type { Target } from './target.js';
import type { DirectoryNode } from './tree.js';

/**
 * Removes the file or tree `name` in `dir`. Symlinks are removed, not followed.
 *
 * @returns false if the name did not exist
 * @throws SystemError
 */
export function remove(target: Target, dir: DirectoryNode, name: ByteString): boolean {
  target.touch(dir);
  let done = tryRemoveTreeAt(target.fd(dir), name);
  if (done === -E.EACCES && target.widen(dir)) done = tryRemoveTreeAt(target.fd(dir), name);
  target.forget(dir, name);
  if (done === -E.ENOENT) return false;
  if (done < 0) throw new SystemError(-done, 'unlinkat', dir.pathOf(name));
  return true;
}
