import type { ByteString } from './bytes.js';

/** A component that is empty, `.` or `..`. */
const unclean = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * A path as it is in a root directory: `..` taken away lexically and never above the root, no slash at either end, no `.`
 * and no empty component. The root itself is ''.
 */
export function lexicalPath(path: ByteString): ByteString {
  let clean = path.startsWith('./') ? path.slice(2) : path;
  if (clean.endsWith('/')) clean = clean.slice(0, -1);
  if (!unclean.test(clean)) return clean;
  const parts: ByteString[] = [];
  for (const part of clean.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** As {@link lexicalPath}; undefined for a path with `..` or a NUL byte, which is none that a tree has. */
export function plainPath(path: ByteString): ByteString | undefined {
  if (path.includes('\0') || (unclean.test(path) && path.split('/').includes('..'))) return undefined;
  return lexicalPath(path);
}
