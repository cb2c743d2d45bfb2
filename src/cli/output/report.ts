import { inspect } from 'node:util';
import { fsError } from '../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { showBytes } from '../../system/bytes.js';
import { SystemError } from '../../system/errno.js';
import type { Persona } from '../command.js';
import type { Settings } from '../settings.js';
import { logLine } from './log.js';

/** Verbs that umoci has too: in hints they are shown under the name we were called by. */
const umociVerbs =
  /\blayerhook (?=(?:config|gc|init|insert|list|ls|new|raw|remove|repack|rm|stat|tag|unpack)\b)/g;

/**
 * Tells about the error that ends a run: what, where and what would be right, in one line. Stacks and
 * causes are shown only with --debug.
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
  const hint = options.persona === 'umoci' ? known.hint.replace(umociVerbs, 'umoci ') : known.hint;
  const stack = options.settings.debug ? inspect(error, { depth: 8 }) : undefined;
  const line = logLine(options.settings, options.persona, options.write);
  if (options.settings.format === 'json') {
    const fields = { code: known.code, hint, details: known.details };
    line('fatal', known.message, stack === undefined ? fields : { ...fields, stack });
  } else {
    line('fatal', `${known.message}; ${hint}${stack === undefined ? '' : `\n${stack}`}`);
  }
  return known.exitStatus;
}

/** Errors of the operating system get a row of the table; what is left is a mistake of ours. */
export function toLayerhookError(error: unknown): LayerhookError {
  if (isLayerhookError(error)) return error;
  if (isSystemError(error)) return fsError(error, callOf(error));
  const reason = error instanceof Error ? error.message : String(error);
  return new LayerhookError('INTERNAL', { reason: reason.split('\n', 1)[0]! }, error);
}

/** What was called on which path. */
function callOf(error: NodeJS.ErrnoException): string {
  const path = error instanceof SystemError ? showBytes(error.path) : error.path;
  return [error.syscall, path].filter(Boolean).join(' ') || 'system call';
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && /^E[A-Z0-9]+$/.test(String(error.code));
}
