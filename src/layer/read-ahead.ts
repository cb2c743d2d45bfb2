import type { Lane, Lanes } from './lanes.js';
import type { OpenSource } from './stream/index.js';
import type { LayerSource } from './types.js';

/** Number of sources opened in advance; each may fill a ring of 3 MiB. */
const sourcesAhead = 3;

/** Layers that are applied one after the other. The next ones are opened in advance. */
export class ReadAhead {
  readonly #lanes: Lanes;
  readonly #signal: AbortSignal;
  readonly #opened = new Map<LayerSource, OpenSource>();
  #waiting: LayerSource[] = [];

  constructor(lanes: Lanes, signal: AbortSignal) {
    this.#lanes = lanes;
    this.#signal = signal;
  }

  /** True if no layer is expected. */
  get isEmpty(): boolean {
    return this.#opened.size === 0 && this.#waiting.length === 0;
  }

  /** Expects these layers, in this order, instead of all that were expected before. */
  expect(sources: readonly LayerSource[]): void {
    this.giveUp();
    this.#waiting = [...sources];
    this.#openMore();
  }

  /**
   * Returns the open source of a layer, and opens more of those that follow. Expected layers that come before it are given
   * up, and all if the layer was not expected: a source without a reader would block its thread for the sources after it.
   *
   * @param lane whose threads read a layer that was not opened in advance
   */
  take(source: LayerSource, lane: Lane): OpenSource {
    const opened = this.#opened.get(source);
    this.giveUp(source);
    this.#openMore();
    return opened ?? lane.sources.open(source, { signal: this.#signal });
  }

  /** Aborts the sources that come before `source`, or all of them if it is not among them. */
  giveUp(source?: LayerSource): void {
    for (const [ahead, open] of this.#opened) {
      this.#opened.delete(ahead);
      if (ahead === source) return;
      open.abort();
    }
    const at = source === undefined ? -1 : this.#waiting.indexOf(source);
    this.#waiting = at < 0 ? [] : this.#waiting.slice(at + 1);
  }

  #openMore(): void {
    while (this.#opened.size < sourcesAhead) {
      const source = this.#waiting.shift();
      if (!source) return;
      const lane = this.#lanes.all[0] ?? this.#lanes.idlest();
      this.#opened.set(source, lane.sources.open(source, { signal: this.#signal }));
    }
  }
}
