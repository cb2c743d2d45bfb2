/** What an operation tells while it runs. `bytes` are uncompressed, of this layer so far. */
export type ProgressEvent =
  | { type: 'layers'; layers: { digest: string; size: number }[] }
  | { type: 'layer-skipped'; index: number; by: string }
  | { type: 'layer-progress'; index: number; blobBytes: number; bytes: number; entries: number }
  | { type: 'layer-done'; index: number; bytes: number; entries: number }
  | { type: 'phase'; name: string };
