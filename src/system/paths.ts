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

/** Returns the path of the directory that contains `path`, a path in a tree whose root is `.`. */
export function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

/** Returns the last component of a path. */
export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Returns the directories above a path in a tree, highest first, without the root. */
export function ancestors(path: ByteString): ByteString[] {
  const found: ByteString[] = [];
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1))
    found.push(path.slice(0, slash));
  return found;
}

/** Splits a path into its components, the first one last, so that `pop` gives them in order. Leaves out `.` and ''. */
export function componentsReversed(path: ByteString): ByteString[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}

/** Returns the path of `name` in the directory `dir` of a tree. */
export function childOf(dir: ByteString, name: ByteString): ByteString {
  return dir === '.' ? name : `${dir}/${name}`;
}

/** Returns true if `path` is `dir` or below it; both are paths in a tree. */
export function isWithin(path: ByteString, dir: ByteString): boolean {
  return dir === '.' || path === dir || path.startsWith(`${dir}/`);
}
