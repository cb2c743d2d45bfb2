import type { ByteString } from '../system/bytes.js';

/** Paths in a layer: relative, without `.` and `..` components; the root itself is `.`. */

export function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

export function baseOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function childOf(dir: ByteString, name: ByteString): ByteString {
  return dir === '.' ? name : `${dir}/${name}`;
}

/** Returns true if `path` is `dir` or below it. */
export function isWithin(path: ByteString, dir: ByteString): boolean {
  return dir === '.' || path === dir || path.startsWith(`${dir}/`);
}

/** Returns the directories above a path, highest first, without the root. */
export function ancestorsOf(path: ByteString): ByteString[] {
  const above: ByteString[] = [];
  for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) above.push(path.slice(0, end));
  return above;
}
