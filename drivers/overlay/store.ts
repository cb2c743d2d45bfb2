import { type DriverOptions, isLayerhookError, LayerhookError, type OverlayXattr } from 'layerhook';
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

  /** Opens the store, and creates it if it is missing. @throws as `openStore` */
  open(): Promise<Store> {
    return this.#open(true);
  }

  /**
   * Opens the store that has the changes of a bundle. A missing store stays missing: its file system may not be mounted.
   *
   * @param bundle path of the bundle
   * @throws LayerhookError BUNDLE_DAMAGED if the store is missing, and as `openStore`
   */
  async openOf(bundle: string): Promise<Store> {
    try {
      return await this.#open(false);
    } catch (error) {
      if (!isLayerhookError(error, 'STORE_NOT_FOUND')) throw error;
      const reason = `its layer store ${this.#options.store} is missing`;
      const expected = `name the store with --store, or remove the rest: layerhook bundle rm --force ${bundle}`;
      throw new LayerhookError('BUNDLE_DAMAGED', { path: bundle, reason, expected }, error);
    }
  }

  #open(create: boolean): Promise<Store> {
    const { store, durability } = this.#options;
    this.#opening ??= openStore({ root: store, create, durability }).catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
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
