import type { Phase, ProgressEvent, Work } from '../../engine/progress.js';
import type { WorkProgress } from '../../system/work-progress.js';

/** The progress of one layer. `size` and `blobBytes` have the same unit; their ratio is the share that is done. */
export interface LayerState {
  digest: string;
  size: number;
  blobBytes: number;
  bytes: number;
  entries: number;
  state: 'waiting' | 'active' | 'done' | 'skipped';
}

export interface ProgressState {
  layers: LayerState[];
  work: ({ name: Work } & WorkProgress) | undefined;
  phase: Phase | undefined;
  /** when the layers or the work began, as performance.now() */
  began: number;
}

export function newState(now: number): ProgressState {
  return { layers: [], work: undefined, phase: undefined, began: now };
}

/** Takes an event into the state. @param now as performance.now() */
export function update(state: ProgressState, event: ProgressEvent, now: number): void {
  switch (event.type) {
    case 'phase':
      state.phase = event.name;
      state.work = undefined;
      return;
    case 'work':
      if (state.work?.name !== event.name) state.began = now;
      state.work = event;
      return;
    case 'layers': {
      const fresh = { blobBytes: 0, bytes: 0, entries: 0, state: 'waiting' } as const;
      state.layers = event.layers.map(({ digest, size }) => ({ digest, size, ...fresh }));
      state.began = now;
      return;
    }
  }
  const layer = state.layers[event.index];
  if (layer === undefined) return;
  const states = { 'layer-skipped': 'skipped', 'layer-progress': 'active', 'layer-done': 'done' } as const;
  layer.state = states[event.type];
  layer.blobBytes = event.type === 'layer-progress' ? event.blobBytes : layer.size;
  if (event.type === 'layer-skipped') return;
  layer.bytes = event.bytes;
  layer.entries = event.entries;
}
