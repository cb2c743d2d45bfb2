import { LayerhookError } from './error.js';

/**
 * A file system's error as ours: NO_SPACE for a full disk or quota, else SYSTEM with its code.
 *
 * @param error what node:fs threw; a LayerhookError is given back as it is
 * @param what what was done to which path
 */
export function fsError(error: unknown, what: string): LayerhookError {
  if (error instanceof LayerhookError) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new LayerhookError('NO_SPACE', { path: what }, error);
  const reason = code ?? String(error);
  return new LayerhookError('SYSTEM', { what, reason, expected: EXPECTED[reason] ?? 'see the cause' }, error);
}

/** The `code` of a node:fs error, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

const EXPECTED: Readonly<Record<string, string>> = {
  EACCES: 'check the permissions of the path',
  EPERM: 'check the owner of the path',
  EROFS: 'the file system must be writable',
  ENOTDIR: 'each parent of the path must be a directory',
};
