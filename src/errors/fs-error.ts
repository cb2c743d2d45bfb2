import { getSystemErrorMap } from 'node:util';
import { LayerhookError } from './error.js';

/**
 * Returns the LayerhookError for a failed file operation: NO_SPACE for a full disk or quota, else SYSTEM with the code.
 *
 * @param error the error that node:fs threw; a LayerhookError is returned unchanged
 * @param what the operation and its path, such as `cannot read /etc/passwd`
 */
export function fsError(error: unknown, what: string): LayerhookError {
  if (error instanceof LayerhookError) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new LayerhookError('NO_SPACE', { path: what }, error);
  return new LayerhookError(
    'SYSTEM',
    { what, reason: systemWords(error), expected: expectedFor(error, code) },
    error,
  );
}

/** Returns the `code` of a node:fs error, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** Returns the system's message for an error, with its code: `permission denied (EACCES)`. */
export function systemWords(error: unknown): string {
  const code = errorCode(error);
  const known = [...getSystemErrorMap().values()].find(([name]) => name === code);
  if (known !== undefined) return `${known[1]} (${code})`;
  return code ?? (error instanceof Error ? error.message : String(error));
}

function expectedFor(error: unknown, code = ''): string {
  // a file such as /proc/kmsg has no data yet; other calls fail so for a lack of processes
  if (code === 'EAGAIN' && (error as { syscall?: string }).syscall === 'read')
    return 'name a file that can be read to its end';
  const isRoot = process.geteuid?.() === 0;
  if (code === 'EPERM' || (code === 'EACCES' && isRoot))
    return isRoot
      ? 'the file system or a security module refuses it'
      : 'run the command as root, or with --rootless';
  return expectations[code] ?? 'check the path and its file system';
}

const expectations: Readonly<Record<string, string>> = {
  EACCES: 'check the permissions of the path, or run the command as root',
  EAGAIN: 'raise the limit on processes (ulimit -u, or pids.max of the container)',
  EIO: 'the disk or its file system is failing; see the kernel log',
  EISDIR: 'the path must be a file, not a directory',
  EMFILE: 'raise the limit on open files (ulimit -n)',
  ENAMETOOLONG: 'a name may have 255 bytes, a path 4095 bytes',
  ENFILE: 'raise the limit on open files of this machine (fs.file-max)',
  ENOMEM: 'free some memory, or raise the memory limit of the container',
  ENOTDIR: 'each parent of the path must be a directory',
  EROFS: 'the file system must be writable',
};
