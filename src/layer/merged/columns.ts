type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** A growing array of numbers of one size: an image may hold millions of files, and an object for each takes too much memory. */
export class Column<T extends Numbers> {
  #items: T;
  #length = 0;

  /** @param items an empty typed array with room for the first items */
  constructor(items: T) {
    this.#items = items;
  }

  get length(): number {
    return this.#length;
  }

  get(index: number): number {
    return this.#items[index]!;
  }

  set(index: number, value: number): void {
    this.#items[index] = value;
  }

  /** @returns the index of the new item */
  push(value: number): number {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[this.#length] = value;
    return this.#length++;
  }

  /** Returns all items, valid until the next push. */
  all(): T {
    return this.#items.subarray(0, this.#length) as T;
  }

  #grow(): void {
    const type = this.#items.constructor as new (length: number) => T;
    const larger = new type(this.#items.length * 2);
    larger.set(this.#items);
    this.#items = larger;
  }
}

const firstLength = 256;

/** Returns an empty column of numbers with 32 bits. */
export function words(): Column<Uint32Array> {
  return new Column(new Uint32Array(firstLength));
}

/** Returns an empty column of numbers with 16 bits. */
export function shorts(): Column<Uint16Array> {
  return new Column(new Uint16Array(firstLength));
}

/** Returns an empty column of numbers that may be large or negative. */
export function numbers(): Column<Float64Array> {
  return new Column(new Float64Array(firstLength));
}

/** Returns an empty column of numbers with 8 bits. */
export function bytes(): Column<Uint8Array> {
  return new Column(new Uint8Array(firstLength));
}
