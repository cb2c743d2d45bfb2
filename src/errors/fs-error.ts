import { getSystemErrorMap } from 'node:util';
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
  return new LayerhookError(
    'SYSTEM',
    { what, reason: systemWords(error), expected: expectedFor(code) },
    error,
  );
}

/** The `code` of a node:fs error, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** What the system says of an error, with its code: `permission denied (EACCES)`. */
export function systemWords(error: unknown): string {
  const code = errorCode(error);
  const known = [...getSystemErrorMap().values()].find(([name]) => name === code);
  if (known !== undefined) return `${known[1]} (${code})`;
  return code ?? (error instanceof Error ? error.message : String(error));
}

function expectedFor(code = ''): string {
  const isRoot = process.geteuid?.() === 0;
  if (code === 'EPERM' || (code === 'EACCES' && isRoot))
    return isRoot ? 'the file system or a security module refuses it' : 'run it as root, or with --rootless';
  return EXPECTED[code] ?? 'check the path and the file system it is on';
}

const EXPECTED: Readonly<Record<string, string>> = {
  EACCES: 'check the permissions of the path, or run it as root',
  EAGAIN: 'raise the limit of processes (ulimit -u), or that of the container (pids.max)',
  EIO: 'the disk or its file system fails; its kernel log says more',
  EISDIR: 'a file is expected there, not a directory',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  ENAMETOOLONG: 'a name has up to 255 bytes, a path 4095',
  ENFILE: 'raise the limit of open files of this machine (fs.file-max)',
  ENOMEM: 'free some memory, or raise the memory limit of the container',
  ENOTDIR: 'each parent of the path must be a directory',
  EROFS: 'the file system must be writable',
};
