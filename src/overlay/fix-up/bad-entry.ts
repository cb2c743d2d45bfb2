import type { ByteString } from '../../system/bytes.js';

/** An entry that a layer must not have on top of these lower layers. */
export class BadEntry extends Error {
  override readonly name = 'BadEntry';
  readonly path: ByteString;

  constructor(path: ByteString, reason: string) {
    super(reason);
    this.path = path;
  }
}
