import type { DriverOptions, OverlayXattr } from 'layerhook';
import { chooseOverlay, type OverlaySupport } from 'layerhook/overlay';
import { openStore, type Store } from 'layerhook/store';
import { isInUserNamespace, nearestDirectory } from 'layerhook/system';

/** The layer store of a driver, opened once, on first use. */
export class DriverStore {
  readonly #options: DriverOptions;
  #opening: Promise<Store> | null = null;
  #support: OverlaySupport | null = null;

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  /** Opens the store. @throws as `openStore` */
  open(): Promise<Store> {
    const { store, durability } = this.#options;
    this.#opening ??= openStore({ root: store, durability });
    return this.#opening;
  }

  /** Returns how overlays of this store are mounted. */
  support(): OverlaySupport {
    this.#support ??= chooseOverlay(nearestDirectory(this.#options.store));
    return this.#support;
  }

  /** Namespace of the attributes that overlayfs reads: only root of the host may set those of `trusted`. */
  get xattr(): OverlayXattr {
    return process.geteuid?.() === 0 && !isInUserNamespace() ? 'trusted' : 'user';
  }

  async close(): Promise<void> {
    const store = await this.#opening?.catch(() => null);
    this.#opening = null;
    await store?.close();
  }
}
