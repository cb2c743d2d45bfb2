import { errorCode, systemWords } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { readWholeFile } from './read-file.js';
import { unixNewlines } from './toml-edit.js';
import { findLines, type KeyPath } from './toml-positions.js';
import { findDistrust } from './trust.js';

/** A parsed TOML file: its values, and functions that report errors at the right line. */
export interface TomlFile {
  /** absolute path */
  file: string;
  values: Record<string, unknown>;
  lineOf: (path: KeyPath) => number;
  /** creates a CONFIG_INVALID error at the line of `path` */
  invalid: (path: KeyPath, reason: string, expected: string, cause?: unknown) => LayerhookError;
}

/** Larger than any file written by hand. */
const maxBytes = 1024 * 1024;

/**
 * Reads a TOML file. Only root and this user may have write access to it, unless `trust` is false.
 *
 * @param file absolute path
 * @throws CONFIG_UNREADABLE; CONFIG_INVALID (with the line) for a syntax error or a file that others may write
 */
export async function readToml(file: string, { trust = true } = {}): Promise<TomlFile> {
  const source = readSource(file, trust);
  const { default: toml } = await import('@iarna/toml');
  const fail = (line: number, reason: string, expected: string, cause?: unknown) =>
    new LayerhookError('CONFIG_INVALID', { file, line, reason, expected }, cause);
  let values: Record<string, unknown>;
  try {
    values = toml.parse(unixNewlines(source));
  } catch (error) {
    const { line = 0, message } = error as { line?: number; message: string };
    const reason = (message.split('\n')[0] as string).replace(/ at row .*/, '');
    throw fail(line + 1, `not TOML: ${reason}`, 'see https://toml.io/en/v0.5.0 for the syntax', error);
  }
  const lineOf = findLines(source);
  return {
    file,
    values,
    lineOf,
    invalid: (path, reason, expected, cause) => fail(lineOf(path), reason, expected, cause),
  };
}

function readSource(file: string, trust: boolean): string {
  try {
    const distrust = trust ? findDistrust(file) : undefined;
    if (distrust !== undefined) throw new LayerhookError('CONFIG_INVALID', { file, line: 1, ...distrust });
    return new TextDecoder('utf-8', { fatal: true }).decode(readWholeFile(file, maxBytes));
  } catch (error) {
    if (error instanceof LayerhookError) throw error;
    throw new LayerhookError('CONFIG_UNREADABLE', { file, reason: unreadable(error) }, error);
  }
}

function unreadable(error: unknown): string {
  const code = errorCode(error);
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES') return 'permission denied';
  return code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : systemWords(error);
}
