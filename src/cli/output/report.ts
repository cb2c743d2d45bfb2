import { inspect } from 'node:util';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { showBytes } from '../../system/bytes.js';
import { SystemError } from '../../system/errno.js';
import { pathMax } from '../../system/path-limits.js';
import type { Persona } from '../command.js';
import type { Settings } from '../settings.js';
import { logLine } from './log.js';

/** umoci's exit status for every error. */
const umociFailure = 1;

/** Commands that umoci has too. Called as `umoci`, the program shows hints with that name. */
const umociVerbs =
  /\blayerhook (?=(?:config|gc|init|insert|list|ls|new|raw|remove|repack|rm|stat|tag|unpack)\b)/g;

/**
 * Words of umoci's messages that scripts look for. Content of a wrong size has a wrong digest too; umoci finds one of the
 * two, depending on where the content differs.
 */
const umociWords: Readonly<Record<string, string>> = {
  BLOB_DIGEST: 'verified reader digest mismatch: ',
  BLOB_SIZE: 'verified reader size mismatch, verified reader digest mismatch: ',
};

/**
 * Reports the error that ends a command in one line: what failed, where, and what would be right. Only --debug shows
 * stacks and causes.
 *
 * @returns the exit status
 */
export function report(
  error: unknown,
  options: {
    settings: Pick<Settings, 'format' | 'color' | 'debug'>;
    persona: Persona;
    write: (text: string) => void;
  },
): number {
  const known = toLayerhookError(error);
  const isUmoci = options.persona === 'umoci';
  const message = `${isUmoci ? (umociWords[known.code] ?? '') : ''}${known.message}`;
  const hint = isUmoci ? known.hint.replace(umociVerbs, 'umoci ') : known.hint;
  const stack = options.settings.debug ? inspect(error, { depth: 8 }) : undefined;
  const line = logLine(options.settings, options.persona, options.write);
  if (options.settings.format === 'json') {
    const fields = { code: known.code, hint, details: known.details };
    line('fatal', message, stack === undefined ? fields : { ...fields, stack });
  } else {
    line('fatal', `${message}; ${hint}${stack === undefined ? '' : `\n${stack}`}`);
  }
  return isUmoci && known.code !== 'ABORTED' ? umociFailure : known.exitStatus;
}

/** Converts errors of the operating system to an entry of the error table. Any other error is a bug of layerhook. */
function toLayerhookError(error: unknown): LayerhookError {
  if (isLayerhookError(error)) return error;
  if (isSystemError(error))
    return error.syscall === 'uv_cwd' ? noDirectory(error) : fsError(error, callOf(error));
  const reason = error instanceof Error ? error.message : String(error);
  if (errorCode(error) === 'ERR_DLOPEN_FAILED') return notLoaded(reason, error);
  return new LayerhookError('INTERNAL', { reason: reason.split('\n', 1)[0]! }, error);
}

/** For a library of this package that the dynamic loader refuses, for instance for a lack of descriptors. */
function notLoaded(reason: string, cause: unknown): LayerhookError {
  const [what, expected] = [
    'loading a library',
    'raise the limits on open files and memory, or install layerhook again',
  ];
  return new LayerhookError('SYSTEM', { what, reason: reason.split('\n', 1)[0]!, expected }, cause);
}

/** For a process whose working directory was removed, or has a path that is too long for getcwd(3). */
function noDirectory(error: Error): LayerhookError {
  const [what, expected] = ['the working directory', 'change to another directory'];
  const isLong = errorCode(error) === 'ERANGE';
  const reason = isLong ? `its path is longer than ${pathMax - 1} bytes` : 'it was removed';
  return new LayerhookError('SYSTEM', { what, reason, expected }, error);
}

/** Returns the system call and its path. */
function callOf(error: NodeJS.ErrnoException): string {
  const path = error instanceof SystemError ? showBytes(error.path) : error.path;
  return [error.syscall, path].filter(Boolean).join(' ') || 'system call';
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && /^E[A-Z0-9]+$/.test(errorCode(error) ?? '');
}
