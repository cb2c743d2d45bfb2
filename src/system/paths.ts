import type { ByteString } from './bytes.js';

/** Matches a component that is empty, `.` or `..`. */
const unclean = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * Normalises a path inside a root directory: resolves `..` lexically, never above the root, and removes `.`, empty
 * components, and slashes at both ends. The root itself is ''.
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

/** Does the same as {@link lexicalPath}; returns undefined for a path with `..` or a NUL byte, which trees do not contain. */
export function plainPath(path: ByteString): ByteString | undefined {
  if (path.includes('\0') || (unclean.test(path) && path.split('/').includes('..'))) return undefined;
  return lexicalPath(path);
}
