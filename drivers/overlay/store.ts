import type { LayerStore, OverlaySupport } from 'layerhook/snapshot';
import type { OverlayOptions } from './options.js';

/** The layer store of a driver: opened when it is first needed, and once. */
export class DriverStore {
  readonly #options: OverlayOptions;
  #opening: Promise<LayerStore> | null = null;
  #support: OverlaySupport | null = null;

  constructor(options: OverlayOptions) {
    this.#options = options;
  }

  /** @throws what `openStore` throws */
  open(): Promise<LayerStore> {
    this.#opening ??= openStore(this.#options);
    return this.#opening;
  }

  /** By what overlays of this store are mounted. */
  async support(): Promise<OverlaySupport> {
    await this.open();
    const { chooseOverlay } = await import('layerhook/snapshot');
    this.#support ??= chooseOverlay(this.#options.store);
    return this.#support;
  }

  async close(): Promise<void> {
    const store = await this.#opening?.catch(() => null);
    this.#opening = null;
    await store?.close();
  }
}

async function openStore({ store, durability }: OverlayOptions): Promise<LayerStore> {
  const snapshot = await import('layerhook/snapshot');
  return snapshot.openStore({ root: store, durability });
}
