import type { LayerSource } from '../../layer/types.js';
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
   * @param into `directory`: each of the layers gets a directory of its own; `rootfs`: they go on top of each other
   */
  startEarly(layers: readonly Pick<LayerSource, 'size' | 'mediaType'>[], into: 'rootfs' | 'directory'): void {
    this.unpacker()
      .then((unpacker) => unpacker.start(layers, into))
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
