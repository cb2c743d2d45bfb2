import {
  chainIDs,
  type Digest,
  type ImageContext,
  type LayerContext,
  type PostExtractContext,
  type PreExtractResult,
} from 'layerhook';
import type { LayerDependency, LayerExtraction, LayerIdentity, LayerStore, Usage } from 'layerhook/store';
import { identityOf, type Variant } from './identity.js';
import type { LowerLayers } from './settle/lower-layers.js';
import type { DriverStore } from './store.js';

/** A value that no dependency has. */
const unknown = '?';

/** The layers of one image on their way into the store. */
export class Layers {
  readonly #store: DriverStore;
  readonly #variant: Variant;
  readonly #chain: { diffIDs: Digest[]; chainIDs: Digest[] };
  /** by index of the layer */
  readonly #extractions = new Map<number, LayerExtraction>();
  /** where a layer's directory is mounted on those below to be extracted into */
  #mounted: string | null = null;
  /** the layers below the next one that is settled */
  #below: { name: string; layers: LowerLayers | null } = { name: '', layers: null };

  constructor(store: DriverStore, { config }: ImageContext, variant: Variant) {
    const diffIDs = config.rootfs.diff_ids;
    this.#store = store;
    this.#variant = variant;
    this.#chain = { diffIDs, chainIDs: chainIDs(diffIDs) };
  }

  /** Whether the layer is in the store; if not, nobody else extracts it until it is committed or discarded. */
  async skips(context: LayerContext): Promise<boolean> {
    const store = await this.#store.open();
    const { index, signal } = context;
    // on top of layers that are still being extracted nothing can be shared
    if (this.#extractions.size === 0 && (await this.#find(store, index))) return true;
    const extraction = await store.extract(this.#layer(index), this.#nameBelow(store, index), { signal });
    if (extraction === null) return true;
    this.#extractions.set(index, extraction);
    return false;
  }

  /** Where the layer is extracted; null if it was not asked for before. */
  async plan(context: LayerContext): Promise<PreExtractResult | null> {
    const extraction = this.#extractions.get(context.index);
    if (extraction === undefined) return null;
    const { xattr, keepDirlinks } = this.#variant;
    const { target } = extraction;
    if (!keepDirlinks)
      return { into: 'directory', target, whiteouts: 'overlay', overlayXattr: xattr, mtree: true };
    const { mountExtraction } = await import('./mounted-extraction.js');
    const store = await this.#store.open();
    const below = await this.#layersOf(store, this.#nameBelow(store, context.index));
    const support = this.#store.support();
    this.#mounted = await mountExtraction(target, { below, support, variant: this.#variant, context });
    return { into: 'rootfs', target: this.#mounted ?? target };
  }

  /** Makes an extracted layer what it is on top of those below, and commits it. */
  async commit(context: PostExtractContext): Promise<void> {
    const { index } = context;
    const extraction = this.#extractions.get(index);
    if (extraction === undefined) return;
    const store = await this.#store.open();
    const parent = this.#nameBelow(store, index);
    const below = await this.#layersOf(store, parent);
    const settled = await this.#settle(context, extraction, below);
    await extraction.commit({ parent, ...settled });
    this.#extractions.delete(index);
    await this.#add(store, store.nameOf(this.#layer(index)), below);
  }

  /** Name of the image's top layer; '' if it has none. */
  async top(): Promise<string> {
    return this.#nameBelow(await this.#store.open(), this.#chain.diffIDs.length);
  }

  /** Gives up what was not committed. */
  async discard(): Promise<void> {
    await this.#unmount();
    for (const extraction of this.#extractions.values()) await extraction.discard();
    this.#extractions.clear();
  }

  async #settle(
    context: PostExtractContext,
    { manifest, target }: LayerExtraction,
    below: LowerLayers | null,
  ): Promise<{ dependencies: LayerDependency[] | null; usage?: Usage }> {
    if (!this.#variant.keepDirlinks) {
      const { settleLayer } = await import('./settle/index.js');
      const { dependencies } = settleLayer(context, below, this.#variant.xattr);
      return { dependencies, usage: await context.writeMtree(manifest) };
    }
    await this.#unmount();
    // what the kernel made of it on top of the layers below, whiteouts and what it copied up included
    const { recordLayer } = await import('layerhook');
    await recordLayer(target, manifest);
    return { dependencies: null };
  }

  async #unmount(): Promise<void> {
    if (this.#mounted === null) return;
    const { unmountExtraction } = await import('./mounted-extraction.js');
    await unmountExtraction(this.#mounted);
    this.#mounted = null;
  }

  #layer(index: number): LayerIdentity {
    return identityOf(this.#chain, index, this.#variant);
  }

  #nameBelow(store: LayerStore, index: number): string {
    return index === 0 ? '' : store.nameOf(this.#layer(index - 1));
  }

  /** Looks at the layers below only if the store has the layer on top of others. */
  async #find(store: LayerStore, index: number): Promise<boolean> {
    const layer = this.#layer(index);
    const parent = this.#nameBelow(store, index);
    let asked = false;
    const found = await store.find(layer, parent, () => {
      asked = true;
      return unknown;
    });
    if (found || !asked) return found;
    const below = await this.#layersOf(store, parent);
    return store.find(layer, parent, (path) => below?.describe(path) ?? 'none');
  }

  async #layersOf(store: LayerStore, name: string): Promise<LowerLayers | null> {
    if (this.#below.name !== name) {
      const { LowerLayers } = await import('./settle/lower-layers.js');
      this.#below = { name, layers: LowerLayers.of(await store.lowerdirs(name), this.#variant.xattr) };
    }
    return this.#below.layers;
  }

  async #add(store: LayerStore, name: string, below: LowerLayers | null): Promise<void> {
    const { LowerLayers } = await import('./settle/lower-layers.js');
    const directory = await store.directory(name);
    this.#below = { name, layers: new LowerLayers(directory, below, this.#variant.xattr) };
  }
}
