import { badFilter } from './error.js';

export interface Token {
  kind: 'field' | 'value' | 'quoted' | 'operator' | 'separator' | 'end';
  text: string;
  /** index of its first character */
  position: number;
}

const patterns = {
  separator: /[,.]/y,
  operator: /[=!~]+/y,
  value: /(?:(?!,)[\p{L}\p{M}\p{N}\p{P}\p{S}])+/uy,
  field: /[A-Za-z0-9_]+/y,
} as const;
/** from a quote to the next one of the same kind that does not follow a backslash, on one line */
const quoted = /(["/|])(?:\\[^\n]|(?!\1)[^\\\n])*\1/y;

/** Splits a filter into tokens. Spaces before a token are skipped; an operator is followed by a value, anything else by a field. */
export class Scanner {
  readonly #text: string;
  #at = 0;
  #expectsValue = false;

  constructor(text: string) {
    this.#text = text;
  }

  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Returns the next character, even if it is a space. */
  peek(): string {
    return this.#text.charAt(this.#at);
  }

  /** @throws LayerhookError SNAPSHOT_ARGUMENT */
  next(): Token {
    this.#skipSpace();
    const position = this.#at;
    if (this.atEnd) return { kind: 'end', text: '', position };
    if (/["/|]/.test(this.peek())) return this.#token('quoted', quoted, 'the quote is not closed');
    if (this.#matches(patterns.separator)) return this.#token('separator', patterns.separator);
    if (this.#matches(patterns.operator)) return this.#token('operator', patterns.operator);
    return this.#expectsValue ? this.#token('value', patterns.value) : this.#token('field', patterns.field);
  }

  #skipSpace(): void {
    const space = /\s*/y;
    space.lastIndex = this.#at;
    space.test(this.#text);
    this.#at = space.lastIndex;
  }

  #matches(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #token(kind: Token['kind'], pattern: RegExp, otherwise = 'unexpected character'): Token {
    const position = this.#at;
    if (!this.#matches(pattern)) throw badFilter(this.#text, position, otherwise);
    this.#at = pattern.lastIndex;
    this.#expectsValue = kind === 'operator';
    return { kind, text: this.#text.slice(position, this.#at), position };
  }
}
