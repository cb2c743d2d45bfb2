import type { LayerStore, StoreOptions } from 'layerhook/snapshot';
import type { OverlayOptions } from './options.js';

/** The layer store of a driver: opened when it is first needed, and once. */
export class DriverStore {
  readonly #options: OverlayOptions;
  #opening: Promise<LayerStore> | null = null;

  constructor(options: OverlayOptions) {
    this.#options = options;
  }

  /** @throws what `openStore` throws */
  open(): Promise<LayerStore> {
    this.#opening ??= openStore(this.#options);
    return this.#opening;
  }

  async close(): Promise<void> {
    const store = await this.#opening?.catch(() => null);
    await store?.close();
  }
}

async function openStore({ store, durability }: OverlayOptions): Promise<LayerStore> {
  const snapshot = (await import('layerhook/snapshot')) as unknown as {
    openStore(options: StoreOptions): Promise<LayerStore>;
  };
  return snapshot.openStore({ root: store, durability });
}
