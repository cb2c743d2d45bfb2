import type { LayerUnpacker, UnpackerOptions } from '../layer/unpacker.js';

/** The threads that extract layers: an unpack for which every layer is there already starts none, and loads nothing of them. */
export class ExtractionThreads {
  readonly #options: UnpackerOptions;
  #unpacker: Promise<LayerUnpacker> | null = null;

  constructor(options: UnpackerOptions) {
    this.#options = options;
  }

  /** Starts the first of them, to have it when a layer is. */
  async start(): Promise<LayerUnpacker> {
    this.#unpacker ??= load(this.#options);
    return this.#unpacker;
  }

  /** Ends them, after what they are doing has stopped. */
  async close(): Promise<void> {
    await (await this.#unpacker)?.close();
  }
}

async function load(options: UnpackerOptions): Promise<LayerUnpacker> {
  const { LayerUnpacker } = await import('../layer/unpacker.js');
  const unpacker = new LayerUnpacker(options);
  unpacker.start();
  return unpacker;
}
