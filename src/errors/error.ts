import { exitStatusOf } from './classes.js';
import { type ErrorCode, errorTable } from './table.js';

type Placeholder<S extends string> = S extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

/** The details that fill the message and the hint of `Code`. */
export type ErrorDetails<Code extends ErrorCode> = Record<
  Placeholder<(typeof errorTable)[Code]['message'] | (typeof errorTable)[Code]['hint']>,
  string | number
>;

/**
 * The one error class of layerhook: match on `code`, print `message` and `hint`.
 *
 * `details` holds the paths, digests and numbers in the message; `cause` is the underlying error, if any.
 */
export class LayerhookError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'LayerhookError';
  /** Declared for TypeScript, which otherwise narrows by `instanceof` to an error whose `code` is any. */
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is LayerhookError;
  readonly code: Code;
  readonly hint: string;
  readonly exitStatus: number;
  readonly details: Readonly<Record<string, string | number>>;

  constructor(code: Code, details: ErrorDetails<Code>, cause?: unknown) {
    const row = errorTable[code];
    super(fill(row.message, details), cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = fill(row.hint, details);
    this.exitStatus = exitStatusOf(code);
    this.details = details;
  }
}

/**
 * True if `error` is a LayerhookError, including one from another copy of this package.
 *
 * @param code the code that the error must have; default: any code
 */
export function isLayerhookError<Code extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: Code,
): error is LayerhookError<Code> {
  return (
    error instanceof Error &&
    error.name === 'LayerhookError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  );
}

/** Returns a template filled with the details, each on one line. */
function fill(template: string, details: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => oneLine(String(details[name] ?? '')));
}

/** Returns text on one line, with control characters escaped: hostile names may carry them to a terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters must not reach a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) =>
    JSON.stringify(char)
      .slice(1, -1)
      .replace(/^[^\\]$/, escapeByte),
  );
}

function escapeByte(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
