import type { ByteString } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { tryRemoveTreeAt } from '../../system/remove.js';
import type { Target } from './target.js';
import type { DirectoryNode } from './tree.js';

/**
 * Removes whatever is in `dir` under this name, with all below it; symlinks are removed, not followed.
 *
 * @returns false if there was nothing
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
