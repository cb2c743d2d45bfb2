import type { Layout } from './layout.js';
import { configMediaType, ociMediaType } from './media-types.js';
import { readConfig, readManifest } from './read.js';
import type { Descriptor, Platform } from './types.js';

/** Reads platforms: from the descriptor, or else from the config. Each config is read only once. */
export class Platforms {
  readonly #layout: Layout;
  readonly #ofConfigs = new Map<string, Platform | undefined>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Returns the platform of a manifest; undefined for an artifact. */
  of(descriptor: Descriptor): Platform | undefined {
    const { platform, digest } = descriptor;
    if (platform?.os && platform.architecture) return platform;
    if (!this.#ofConfigs.has(digest)) this.#ofConfigs.set(digest, this.#read(descriptor));
    return this.#ofConfigs.get(digest);
  }

  #read(descriptor: Descriptor): Platform | undefined {
    const { config } = readManifest(this.#layout, descriptor);
    if (ociMediaType(config.mediaType) !== configMediaType) return undefined;
    const { os, architecture, variant } = readConfig(this.#layout, config);
    return { ...(os && { os }), ...(architecture && { architecture }), ...(variant && { variant }) };
  }
}
