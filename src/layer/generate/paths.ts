import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { lexicalPath, plainPath } from '../../system/paths.js';

/**
 * A path relative to the rootfs, without empty components and `.`; the rootfs itself is `.`.
 *
 * @throws LayerhookError LAYER_PATH for a path with `..` or NUL
 */
export function cleanPath(path: ByteString): ByteString {
  const plain = plainPath(path);
  if (plain !== undefined) return plain || '.';
  throw new LayerhookError('LAYER_PATH', { path: showBytes(path), reason: 'it is no plain path below /' });
}

/** A path as it is inside the rootfs, `..` taken lexically and never leading out; the rootfs itself is `.`. */
export function insideRoot(path: ByteString): ByteString {
  return lexicalPath(path) || '.';
}

/** The directories above a path, highest first, without the rootfs itself. */
export function ancestors(path: ByteString): ByteString[] {
  const found: ByteString[] = [];
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    found.push(path.slice(0, slash));
  }
  return found;
}

/** The directory a path is in; `.` for what is directly in the rootfs. */
export function parentPath(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '.' : path.slice(0, slash);
}

/** The last component of a path. */
export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Names for a tar: with something before them, all but `.`, the rootfs itself. */
export function prefixed(prefix: string): (path: ByteString) => ByteString {
  return (path) => (path === '.' ? path : prefix + path);
}
