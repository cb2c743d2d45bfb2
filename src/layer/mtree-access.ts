import type { SystemOptions } from 'mtree-ts';
import { withAccess } from '../system/access.js';
import { AT_FDCWD } from '../system/files.js';
import { lockModes } from '../system/saved-modes.js';
import { readXattrs } from '../system/xattr.js';

/** How mtree-ts reads files: with their xattrs, and also where modes deny it. */
export const mtreeAccess: Required<Pick<SystemOptions, 'xattrs' | 'access'>> = {
  xattrs: (path) => readXattrs(path.toString('latin1')),
  access: (path, call) => withAccess(AT_FDCWD, path.toString('latin1'), () => lockModes('shared', call)),
};
