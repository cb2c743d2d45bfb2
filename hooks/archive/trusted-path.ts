import { basename, dirname } from 'node:path';
import { type ByteString, close, fromText, openTrustedDirectory } from 'layerhook/system';

/** A path with directories that other users may write to; openTrustedDirectory of layerhook/system. */
export interface TrustedPath {
  path: string;
  /** directories below which symlinks are not followed */
  untrusted: readonly string[];
}

/**
 * Runs `use` with the open parent of a path, and the name in it.
 *
 * @throws LayerhookError DIRECTORY_INVALID, SystemError, and as `use`
 */
export function inParent<T>(
  { path, untrusted }: TrustedPath,
  use: (parent: number, name: ByteString) => T,
): T {
  const parent = openTrustedDirectory(dirname(path), { untrusted });
  try {
    return use(parent, fromText(basename(path)));
  } finally {
    close(parent);
  }
}
