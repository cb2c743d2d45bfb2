import type { ByteString } from 'layerhook';
import { isWithin } from './paths.js';

/** Where paths of a layer are now: settling moves what is below a symlink of the layers below to what that leads to. */
export class Names {
  readonly #moves: { from: ByteString; to: ByteString }[] = [];
  readonly #sets: Set<ByteString>[] = [];

  /** A set of paths that is kept up to date. */
  set(paths: Iterable<ByteString>): Set<ByteString> {
    const set = new Set(paths);
    this.#sets.push(set);
    return set;
  }

  /** whether anything was moved */
  get moved(): boolean {
    return this.#moves.length > 0;
  }

  now(path: ByteString): ByteString {
    let now = path;
    for (const { from, to } of this.#moves) if (isWithin(now, from)) now = to + now.slice(from.length);
    return now;
  }

  move(from: ByteString, to: ByteString): void {
    this.#moves.push({ from, to });
    for (const set of this.#sets) {
      for (const path of [...set]) {
        if (!isWithin(path, from)) continue;
        set.delete(path);
        set.add(to + path.slice(from.length));
      }
    }
  }
}
