/** What an operation tells while it runs. `bytes` are uncompressed, of this layer so far. */
export type ProgressEvent =
  | { type: 'layers'; layers: { digest: string; size: number }[] }
  | { type: 'layer-skipped'; index: number; by: string }
  | { type: 'layer-progress'; index: number; blobBytes: number; bytes: number; entries: number }
  | { type: 'layer-done'; index: number; bytes: number; entries: number }
  | { type: 'phase'; name: Phase };

/** A part of an operation that is not about one layer: `mtree` writes the mtree manifest, `delta` finds changes. */
export type Phase = 'assemble' | 'mtree' | 'delta' | 'layer';
