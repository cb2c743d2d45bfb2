/** The codes of an {@link MtreeError}. */
export type MtreeErrorCode =
  /** a malformed vis(3) escape */
  | 'BAD_ESCAPE'
  /** `..` without an open directory */
  | 'BAD_DOT_DOT'
  /** a line starting with `/` that is neither `/set` nor `/unset` */
  | 'BAD_COMMAND'
  /** the manifest describes more than {@link ParseOptions} allows */
  | 'TOO_LARGE'
  /** a requested keyword that cannot be computed */
  | 'UNKNOWN_KEYWORD'
  /** `xattr` was requested without the option `xattrs`, which reads extended attributes */
  | 'NO_XATTRS'
  /** the root of a walk is not a directory */
  | 'NOT_A_DIRECTORY'
  /** a file could not be read; `cause` has the reason */
  | 'UNREADABLE'
  /** a ManifestWriter received entries in the wrong order */
  | 'BAD_ORDER'
  /** the parent of a file is missing from a tree, or is not a directory */
  | 'INCOMPLETE_TREE';

/** The one error class of this package. */
export class MtreeError extends Error {
  override readonly name = 'MtreeError';
  readonly code: MtreeErrorCode;
  /** line of the manifest, from 1; undefined if the error does not concern a line */
  readonly line: number | undefined;

  constructor(code: MtreeErrorCode, reason: string, line?: number, cause?: unknown) {
    super(
      line === undefined ? reason : `line ${line}: ${reason}`,
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.line = line;
  }
}

/**
 * Runs code that compares the values of an entry.
 *
 * @param line of the entry, 0 if it was not parsed: an error without a line gets it
 * @throws MtreeError, and what `use` throws
 */
export function atLine<T>(line: number, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (!(error instanceof MtreeError) || error.line !== undefined || line === 0) throw error;
    throw new MtreeError(error.code, error.message, line, error.cause);
  }
}
