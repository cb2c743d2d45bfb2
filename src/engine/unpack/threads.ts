import type { LayerUnpacker, UnpackerOptions } from '../../layer/unpacker.js';

/** The threads that extract layers. They are loaded and started lazily: an unpack that skips all layers needs none. */
export class ExtractionThreads {
  readonly #options: UnpackerOptions;
  #unpacker: Promise<LayerUnpacker> | null = null;

  constructor(options: UnpackerOptions) {
    this.#options = options;
  }

  /** Returns the unpacker, which starts threads when it needs them. */
  async unpacker(): Promise<LayerUnpacker> {
    this.#unpacker ??= load(this.#options);
    return this.#unpacker;
  }

  /**
   * Starts the threads for some layers ahead of the first layer. A thread that cannot start is tried again when a layer needs
   * it, and then fails the operation.
   *
   * @param independent layers that each get a directory of their own; undefined: the layers go on top of each other
   */
  startEarly(independent?: readonly { size: number }[]): void {
    this.unpacker()
      .then((unpacker) => unpacker.start(independent))
      .catch(() => {});
  }

  /** Ends the threads after their work has stopped. */
  async close(): Promise<void> {
    // if loading failed, no thread has started
    const unpacker = await this.#unpacker?.catch(() => null);
    await unpacker?.close();
  }
}

async function load(options: UnpackerOptions): Promise<LayerUnpacker> {
  const { LayerUnpacker } = await import('../../layer/unpacker.js');
  return new LayerUnpacker(options);
}
