import type { LayerContext, PostExtractContext, PreExtractResult } from 'layerhook';
import type { LowerTree } from 'layerhook/overlay';
import type { LayerExtraction } from 'layerhook/store';
import type { Variant } from './identity.js';
import type { DriverStore } from './store.js';

/** What the store records about a layer. */
export type Committed = Omit<Parameters<LayerExtraction['commit']>[0], 'parent' | 'labels'>;

/** A layer on its way into the store. */
export interface NewLayer {
  extraction: LayerExtraction;
  store: DriverStore;
  variant: Variant;
  /** Returns the layers below it, which are in the store when post-extract is called; null for the lowest layer. */
  lower(): Promise<LowerTree | null>;
}

/** How layers are stored: as a directory, or as an image. One object serves the layers of one operation. */
export interface LayerForm {
  /** Returns where the engine puts the layer. */
  plan(layer: NewLayer, context: LayerContext): Promise<PreExtractResult>;
  /** Completes the layer on top of its lower layers. */
  finish(layer: NewLayer, context: PostExtractContext): Promise<Committed>;
}
