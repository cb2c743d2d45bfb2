import type { LayerUnpacker, UnpackerOptions } from '../../layer/unpacker.js';

/** The threads that extract layers: an unpack for which every layer is there already starts none, and loads nothing of them. */
export class ExtractionThreads {
  readonly #options: UnpackerOptions;
  #unpacker: Promise<LayerUnpacker> | null = null;

  constructor(options: UnpackerOptions) {
    this.#options = options;
  }

  /** What applies layers in them, and starts those that it needs. */
  async unpacker(): Promise<LayerUnpacker> {
    this.#unpacker ??= load(this.#options);
    return this.#unpacker;
  }

  /**
   * Starts those that layers need, to have them when the first one is there. One that cannot start is tried again, and
   * fails the operation, when a layer needs it.
   *
   * @param alone layers each of which gets a directory for itself; undefined: they come on top of each other
   */
  startEarly(alone?: readonly { size: number }[]): void {
    this.unpacker()
      .then((unpacker) => unpacker.start(alone))
      .catch(() => {});
  }

  /** Ends them, after what they are doing has stopped. */
  async close(): Promise<void> {
    // code that could not be loaded has started none
    const unpacker = await this.#unpacker?.catch(() => null);
    await unpacker?.close();
  }
}

async function load(options: UnpackerOptions): Promise<LayerUnpacker> {
  const { LayerUnpacker } = await import('../../layer/unpacker.js');
  return new LayerUnpacker(options);
}
