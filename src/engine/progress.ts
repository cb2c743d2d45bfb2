import type { OnProgress, WorkProgress } from '../system/work-progress.js';

/** What an operation tells while it runs. `bytes` are uncompressed, of this layer so far. */
export type ProgressEvent =
  | { type: 'layers'; layers: { digest: string; size: number }[] }
  | { type: 'layer-skipped'; index: number; by: string }
  | { type: 'layer-progress'; index: number; blobBytes: number; bytes: number; entries: number }
  | { type: 'layer-done'; index: number; bytes: number; entries: number }
  | { type: 'phase'; name: Phase }
  | ({ type: 'work'; name: Work } & WorkProgress);

/**
 * A part of an operation whose length is unknown: `mtree` writes the mtree manifest, `delta` finds changes, `reachable` reads
 * the manifests of a layout, `leftovers` removes what killed commands left.
 */
export type Phase = 'assemble' | 'mtree' | 'delta' | 'layer' | 'reachable' | 'leftovers';

/** `pack` writes a new layer, `sweep` removes blobs of a layout, `free` removes files of layers of the store. */
export type Work = 'pack' | 'archive' | 'sweep' | 'free';

type OnEvent = (event: ProgressEvent) => void;

/** Passes the progress of one piece of work on as events of an operation; undefined if the caller wants no events. */
export function workTo(tell: OnEvent | undefined, name: Work): OnProgress | undefined {
  return tell && ((progress) => tell({ type: 'work', name, ...progress }));
}
