import type { ByteString } from '../../system/bytes.js';

/** A component that is empty, `.` or `..`. */
const unclean = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * The name of a tar entry as a path in the root: `..` taken away lexically and never above the root, no slash
 * at either end, no `.` and no empty component. The root itself is ''.
 */
export function cleanPath(name: ByteString): ByteString {
  let path = name.startsWith('./') ? name.slice(2) : name;
  if (path.endsWith('/')) path = path.slice(0, -1);
  if (!unclean.test(path)) return path;
  const parts: ByteString[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Where `path`'s last component begins: 0 if it has but one. */
export function baseStart(path: ByteString): number {
  return path.lastIndexOf('/') + 1;
}

/** The path of the directory that `path` is in; '' is the root. */
export function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** Components that are left to walk, the next one last. */
export function componentsReversed(path: ByteString): ByteString[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}
