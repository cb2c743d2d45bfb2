import type { ByteString } from '../../system/bytes.js';
import { numbers } from './columns.js';

/** A growing list of byte strings in one buffer: millions of strings would need several times their size. */
export class Texts {
  readonly #end = numbers();
  #bytes = Buffer.alloc(4096);

  get length(): number {
    return this.#end.length;
  }

  /** Bytes of all texts together. */
  get byteLength(): number {
    return this.length === 0 ? 0 : this.#end.get(this.length - 1);
  }

  /** @returns the index of the text */
  push(text: ByteString): number {
    const at = this.byteLength;
    const end = at + text.length;
    if (end > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], Math.max(end, this.#bytes.length * 2));
    this.#bytes.write(text, at, 'latin1');
    return this.#end.push(end);
  }

  get(index: number): ByteString {
    return this.#bytes.toString('latin1', index === 0 ? 0 : this.#end.get(index - 1), this.#end.get(index));
  }
}
