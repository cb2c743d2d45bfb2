import type { ByteString } from '../../system/bytes.js';

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
