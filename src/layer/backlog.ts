import { availableParallelism } from 'node:os';

/** A second thread takes as long to start as another takes for a layer with so many bytes of blob (60 ms, two cores). */
const startBytes = 4 << 20;

/** The bytes of layers that are not done. They decide whether a layer gets one thread or two. */
export class Backlog {
  /** of layers that will come */
  #expected = 0;
  /** of layers that have come and are not done */
  #begun = 0;

  /** Announces layers with directories of their own. */
  expect(layers: readonly { size: number }[]): void {
    this.#expected = layers.reduce((sum, { size }) => sum + size, 0);
  }

  begin(size: number): void {
    this.#expected = Math.max(0, this.#expected - size);
    this.#begun += size;
  }

  end(size: number): void {
    this.#begun -= size;
  }

  /**
   * True if other layers keep the other cores busy for about as long as one thread needs for this layer.
   *
   * @param size bytes of its blob, which counts as expected or begun
   */
  keepsCoresBusy(size: number): boolean {
    const others = this.#expected + this.#begun - size;
    return others + startBytes >= size * (availableParallelism() - 1);
  }
}
