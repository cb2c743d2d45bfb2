import type { ByteString } from '../../system/bytes.js';
import { isWithin } from '../paths.js';

/** Where the paths of a layer are now: fixing up moves what is below a lower symlink to the symlink's target. */
export class Names {
  readonly #moves: { from: ByteString; to: ByteString }[] = [];
  readonly #sets: Set<ByteString>[] = [];

  /** Returns a set of paths that follows every move. */
  set(paths: Iterable<ByteString>): Set<ByteString> {
    const set = new Set(paths);
    this.#sets.push(set);
    return set;
  }

  /** True if anything was moved. */
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
