import type { LayerUnpacker, UnpackerOptions } from '../layer/unpacker.js';

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
   * Starts those that layers need, to have them when the first one is there.
   *
   * @param alone layers each of which gets a directory for itself; undefined: they come on top of each other
   */
  async start(alone?: readonly { size: number }[]): Promise<void> {
    (await this.unpacker()).start(alone);
  }

  /** Ends them, after what they are doing has stopped. */
  async close(): Promise<void> {
    await (await this.#unpacker)?.close();
  }
}

async function load(options: UnpackerOptions): Promise<LayerUnpacker> {
  const { LayerUnpacker } = await import('../layer/unpacker.js');
  return new LayerUnpacker(options);
}
