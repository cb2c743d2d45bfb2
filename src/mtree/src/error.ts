/** What can go wrong: match on `code` of an {@link MtreeError}. */
export type MtreeErrorCode =
  /** a malformed vis(3) escape */
  | 'BAD_ESCAPE'
  /** `..` where no directory is open */
  | 'BAD_DOT_DOT'
  /** a line starting with `/` that is neither `/set` nor `/unset` */
  | 'BAD_COMMAND'
  /** a keyword asked for that no one can compute */
  | 'UNKNOWN_KEYWORD'
  /** `xattr` asked for without a function that reads extended attributes */
  | 'NO_XATTRS'
  /** what should be walked is not a directory */
  | 'NOT_A_DIRECTORY'
  /** a file could not be read; `cause` says why */
  | 'UNREADABLE'
  /** a ManifestWriter was given entries out of order */
  | 'BAD_ORDER'
  /** a tree has a file whose directory is missing, or is none */
  | 'INCOMPLETE_TREE';

/** The one error class of this package. */
export class MtreeError extends Error {
  override readonly name = 'MtreeError';
  readonly code: MtreeErrorCode;
  /** line of the manifest, from 1; undefined if the error is not about one */
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
