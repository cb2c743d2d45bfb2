import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { lexicalPath, plainPath } from '../../system/paths.js';

/**
 * Returns a path relative to the rootfs without empty components and `.`; the rootfs itself is `.`.
 *
 * @throws LayerhookError LAYER_PATH for a path with `..` or NUL
 */
export function cleanPath(path: ByteString): ByteString {
  const plain = plainPath(path);
  if (plain !== undefined) return plain || '.';
  throw new LayerhookError('LAYER_PATH', { path: showBytes(path), reason: 'it is not a plain path below /' });
}

/** Returns the path inside the rootfs; `..` is lexical and never leads outside. The rootfs itself is `.`. */
export function insideRoot(path: ByteString): ByteString {
  return lexicalPath(path) || '.';
}

/** Returns the directories above a path, highest first, without the rootfs itself. */
export function ancestors(path: ByteString): ByteString[] {
  const found: ByteString[] = [];
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    found.push(path.slice(0, slash));
  }
  return found;
}

/** Returns the directory that contains a path; `.` is the rootfs. */
export function parentPath(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '.' : path.slice(0, slash);
}

/** Returns the last component of a path. */
export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Returns a function that adds the prefix to all paths except `.`, the rootfs itself. */
export function prefixed(prefix: string): (path: ByteString) => ByteString {
  return (path) => (path === '.' ? path : prefix + path);
}
