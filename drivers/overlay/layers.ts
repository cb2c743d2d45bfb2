import {
  chainIDs,
  type Digest,
  type ImageContext,
  type LayerContext,
  type PostExtractContext,
  type PreExtractResult,
  type Usage,
} from 'layerhook';
import { type FixUpResult, fixUpLayer, LowerTree } from 'layerhook/overlay';
import type { LayerExtraction, LayerIdentity, LayerStore } from 'layerhook/store';
import { identityOf, type Variant } from './identity.js';
import type { DriverStore } from './store.js';

/** Differs from the value of every dependency. */
const unknown = '?';

/** The layers of one image on their way into the store. */
export class Layers {
  readonly #store: DriverStore;
  readonly #variant: Variant;
  readonly #chain: { diffIDs: Digest[]; chainIDs: Digest[] };
  /** by index of the layer */
  readonly #extractions = new Map<number, LayerExtraction>();
  /** where a layer's directory is mounted on its lower layers for an extraction */
  #mounted: string | null = null;
  /** the lower layers of the next layer to fix up, and the name of the highest */
  #lower: { name: string; tree: LowerTree | null } = { name: '', tree: null };

  constructor(store: DriverStore, { config }: ImageContext, variant: Variant) {
    const diffIDs = config.rootfs.diff_ids;
    this.#store = store;
    this.#variant = variant;
    this.#chain = { diffIDs, chainIDs: chainIDs(diffIDs) };
  }

  /**
   * Returns true if the layer is in the store. If not, no other process extracts it until this one commits or discards it.
   */
  async skips(context: LayerContext): Promise<boolean> {
    const store = await this.#store.open();
    const { index, signal } = context;
    // a layer on top of layers that are still being extracted cannot be shared
    if (this.#extractions.size === 0 && (await this.#find(store, index))) return true;
    const extraction = await store.extract(this.#layer(index), this.#nameBelow(store, index), { signal });
    if (extraction === null) return true;
    this.#extractions.set(index, extraction);
    return false;
  }

  /** Returns where the layer is extracted; null if {@link skips} did not claim it. */
  async plan(context: LayerContext): Promise<PreExtractResult | null> {
    const extraction = this.#extractions.get(context.index);
    if (extraction === undefined) return null;
    const { xattr, keepDirlinks } = this.#variant;
    const { target } = extraction;
    if (!keepDirlinks)
      return { into: 'directory', target, whiteouts: 'overlay', overlayXattr: xattr, mtree: true };
    const { mountExtraction } = await import('./mounted-extraction.js');
    const store = await this.#store.open();
    const lower = await this.#lowerTree(store, this.#nameBelow(store, context.index));
    const support = this.#store.support();
    this.#mounted = await mountExtraction(target, { lower, support, variant: this.#variant, context });
    return { into: 'rootfs', target: this.#mounted ?? target };
  }

  /** Fixes up an extracted layer, and commits it. */
  async commit(context: PostExtractContext): Promise<void> {
    const { index } = context;
    const extraction = this.#extractions.get(index);
    if (extraction === undefined) return;
    const store = await this.#store.open();
    const parent = this.#nameBelow(store, index);
    const lower = await this.#lowerTree(store, parent);
    const { dependencies, usage } = await this.#fixUp(context, extraction, lower);
    await extraction.commit({ parent, dependencies, usage });
    this.#extractions.delete(index);
    await this.#add(store, store.nameOf(this.#layer(index)), lower);
  }

  /** Returns the name of the image's top layer; '' for an image without layers. */
  async top(): Promise<string> {
    return this.#nameBelow(await this.#store.open(), this.#chain.diffIDs.length);
  }

  /** Discards what was not committed. */
  async discard(): Promise<void> {
    await this.#unmount();
    for (const extraction of this.#extractions.values()) await extraction.discard();
    this.#extractions.clear();
  }

  async #fixUp(
    context: PostExtractContext,
    { mtree, target }: LayerExtraction,
    lower: LowerTree | null,
  ): Promise<{ dependencies: FixUpResult['dependencies']; usage?: Usage }> {
    const { xattr, keepDirlinks } = this.#variant;
    if (!keepDirlinks) {
      const { applied, map, descriptor } = context;
      const { unsettled } = applied;
      const { digest } = descriptor;
      const given = { directory: target, unsettled, lower, xattr, map, digest };
      const { dependencies } = fixUpLayer(given);
      return { dependencies, usage: await context.writeMtree(mtree) };
    }
    await this.#unmount();
    // the kernel's result on top of the lower layers, with its whiteouts and copied files
    const { recordLayer } = await import('layerhook');
    await recordLayer(target, mtree);
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

  /** Returns true if the store has the layer. Reads the lower layers only if it has the layer on top of others. */
  async #find(store: LayerStore, index: number): Promise<boolean> {
    const layer = this.#layer(index);
    const parent = this.#nameBelow(store, index);
    let asked = false;
    const found = await store.find(layer, parent, () => {
      asked = true;
      return unknown;
    });
    if (found || !asked) return found;
    const lower = await this.#lowerTree(store, parent);
    return store.find(layer, parent, (path) => lower?.describe(path) ?? 'none');
  }

  async #lowerTree(store: LayerStore, name: string): Promise<LowerTree | null> {
    if (this.#lower.name !== name) {
      this.#lower = { name, tree: LowerTree.open(await store.lowerdirs(name), this.#variant.xattr) };
    }
    return this.#lower.tree;
  }

  async #add(store: LayerStore, name: string, lower: LowerTree | null): Promise<void> {
    const directories = [await store.directory(name), ...(lower?.directories ?? [])];
    this.#lower = { name, tree: LowerTree.open(directories, this.#variant.xattr) };
  }
}
