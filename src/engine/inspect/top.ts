/** Keeps the items with the largest sizes. Of equal sizes, the first ones stay. Memory is bounded by the limit. */
export class Top<T> {
  readonly #limit: number;
  #items: { size: number; item: T }[] = [];
  /** A size up to this one cannot get in. */
  #floor = 0;

  /** @param limit how many items stay */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param item makes the item; called only if the size is large enough for now */
  add(size: number, item: () => T): void {
    if (size <= 0 || this.#limit === 0 || size <= this.#floor) return;
    this.#items.push({ size, item: item() });
    if (this.#items.length >= this.#limit * 2) this.#cut();
  }

  /** Returns the items, largest first. */
  list(): T[] {
    this.#cut();
    return this.#items.map(({ item }) => item);
  }

  /** The sort is stable, so of equal sizes the first one stays. */
  #cut(): void {
    this.#items.sort((a, b) => b.size - a.size);
    this.#items = this.#items.slice(0, this.#limit);
    this.#floor = this.#items[this.#limit - 1]?.size ?? 0;
  }
}
