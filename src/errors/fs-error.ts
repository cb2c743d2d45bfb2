import { getSystemErrorMap } from 'node:util';
import { errnoName, moreWords } from './errno.js';
import { LayerhookError } from './error.js';

/**
 * Returns the LayerhookError for a failed file operation: NO_SPACE for a full disk or quota,
 * FILE_NOT_FOUND for a missing file, else SYSTEM with the code.
 *
 * @param error the error that node:fs threw; a LayerhookError is returned unchanged
 * @param what the operation and its path, such as `cannot read /etc/passwd`
 */
export function fsError(error: unknown, what: string): LayerhookError {
  if (error instanceof LayerhookError) return error;
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new LayerhookError('NO_SPACE', { path: what }, error);
  if (code === 'ENOENT') return new LayerhookError('FILE_NOT_FOUND', { what }, error);
  return new LayerhookError(
    'SYSTEM',
    { what, reason: systemWords(error), expected: expectedFor(error, code) },
    error,
  );
}

/** Returns the `code` of a node:fs error, such as ENOENT. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error)) return undefined;
  const code = String(error.code);
  return unnamed.test(code) && 'errno' in error ? errnoName(Math.abs(Number(error.errno))) : code;
}

/** What node says instead of a name that it does not know, such as EDQUOT; of a write: UNKNOWN. */
const unnamed = /^(?:Unknown system error -\d+(?:: |, )?)+|^UNKNOWN(?:: unknown error, )?/;

/** Returns the system's words for an error, for a message that names the file: `permission denied (EACCES)`. */
export function systemWords(error: unknown): string {
  const code = errorCode(error);
  return code === undefined ? reasonOf(error) : codeWords(code);
}

/** Returns the system's words for a code: `permission denied (EACCES)`. A code without words is returned unchanged. */
export function codeWords(code: string): string {
  const known = wordsOf(code);
  return known === undefined ? code : `${known} (${code})`;
}

/**
 * Returns what any error says, for the reason of another error. A system error becomes `open '/x': permission denied (EACCES)`,
 * in place of node's `EACCES: permission denied, open '/x'`.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = errorCode(error);
  const words = code === undefined ? undefined : wordsOf(code);
  if (words === undefined) return error.message;
  const call = error.message
    .replace(unnamed, '')
    .replace(new RegExp(`\\b${code}:? ?`), '')
    .replace(`${words}, `, '')
    .trim();
  return call === '' || call === words ? `${words} (${code})` : `${call}: ${words} (${code})`;
}

function wordsOf(code: string): string | undefined {
  return moreWords[code] ?? [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1];
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
  return pathExpectations[code] ?? machineExpectation(code) ?? 'check the path and its file system';
}

const pathExpectations: Readonly<Record<string, string>> = {
  EACCES: 'check the permissions of the path, or run the command as root',
  EISDIR: 'the path must be a file, not a directory',
  ENAMETOOLONG: 'a name may have 255 bytes, a path 4095 bytes',
  ENOTDIR: 'each parent of the path must be a directory',
};

/**
 * Returns what would be right after a failure that no path or content can cause: a limit of the process, a lack of memory or
 * a failing or read-only file system. Returns undefined for another code.
 */
export function machineExpectation(code: string): string | undefined {
  return machineExpectations[code];
}

const failing = 'the disk or its file system is failing; see the kernel log';

const machineExpectations: Readonly<Record<string, string>> = {
  EAGAIN: 'raise the limit on processes (ulimit -u, or pids.max of the container)',
  EBADMSG: failing,
  EFBIG: 'raise the limit on file sizes (ulimit -f), or use a file system that has such large files',
  EIO: failing,
  EMFILE: 'raise the limit on open files (ulimit -n)',
  ENFILE: 'raise the limit on open files of this machine (fs.file-max)',
  ENOMEM: 'free some memory, or raise the memory limit of the process or container',
  EROFS: 'the file system must be writable',
  ESTALE: 'the file system must be mounted again',
  ETXTBSY: 'end the program that runs from this file',
  EUCLEAN: failing,
};
