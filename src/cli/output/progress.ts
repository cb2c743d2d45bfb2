import type { ProgressEvent } from '../../engine/progress.js';
import { type Painter, painter } from './paint.js';
import { fit, formatBytes, formatCount, shortDigest } from './quantities.js';
import type { Screen } from './screen.js';

/** The progress of one layer. `size` and `blobBytes` count compressed bytes; their ratio is the share that is done. */
interface LayerState {
  digest: string;
  size: number;
  blobBytes: number;
  bytes: number;
  entries: number;
  state: 'waiting' | 'active' | 'done' | 'skipped';
}

interface State {
  layers: LayerState[];
  phase: string;
}

/** Shortest time between two redraws of the terminal, in ms. */
const interval = 100;
/** Largest number of bars of single layers. The total line covers the other layers. */
const shownLayers = 8;

/** Shows progress events at the bottom of a terminal: a bar for each active layer, and one for the total. */
export function createProgress(screen: Screen, color: boolean, columns: () => number) {
  const state: State = { layers: [], phase: '' };
  let timer: NodeJS.Timeout | undefined;
  let drawn = 0;
  const draw = () => {
    timer = undefined;
    drawn = performance.now();
    screen.stay(renderProgress(state, columns(), painter(color)));
  };
  return {
    onProgress(event: ProgressEvent): void {
      update(state, event);
      timer ??= setTimeout(draw, Math.max(0, drawn + interval - performance.now())).unref();
    },
    /** Removes the bars and stops drawing. */
    stop(): void {
      clearTimeout(timer);
      screen.stay([]);
    },
  };
}

/** Returns the lines of the bars. Each is at most `width` wide. */
export function renderProgress({ layers, phase }: State, width: number, paint: Painter): string[] {
  if (layers.length === 0) return phase ? [fit(`${phase} …`, width - 1)] : [];
  const active = layers.filter(({ state }) => state === 'active');
  const lines = active.slice(0, shownLayers).map((layer) => {
    const share = layer.size === 0 ? 1 : layer.blobBytes / layer.size;
    return barLine(
      `layer ${layers.indexOf(layer) + 1}/${layers.length} ${shortDigest(layer.digest)}`,
      share,
      layer,
    );
  });
  // a single layer is the total
  if (layers.length > 1 || lines.length === 0) lines.push(totalLine(layers, phase));
  return lines.map((line) => lineText(line, width, paint));
}

interface BarLine {
  name: string;
  share: number;
  numbers: string;
}

function barLine(
  name: string,
  share: number,
  { bytes, entries }: { bytes: number; entries: number },
): BarLine {
  return { name, share, numbers: `${formatBytes(bytes)}  ${formatCount(entries)} files` };
}

function totalLine(layers: readonly LayerState[], phase: string): BarLine {
  const finished = layers.filter(({ state }) => state === 'done' || state === 'skipped');
  const sum = (of: (layer: LayerState) => number) => layers.reduce((total, layer) => total + of(layer), 0);
  const size = sum((layer) => layer.size);
  const name = phase || `total ${finished.length}/${layers.length} layers`;
  const share = size === 0 ? 1 : sum((layer) => layer.blobBytes) / size;
  return barLine(name, share, { bytes: sum((layer) => layer.bytes), entries: sum((layer) => layer.entries) });
}

const nameWidth = 28;

/** Returns `name [####    ] 45%  12.3 MB  1,234 files`. If the width is too small, drops the numbers, then also the bar. */
function lineText({ name, share, numbers }: BarLine, width: number, paint: Painter): string {
  const room = width - 1;
  const percent = `${Math.floor(Math.min(1, share) * 100)}%`.padStart(4);
  const bare = `${name.padEnd(nameWidth)} ${percent}`;
  if (room < bare.length + 8) return fit(`${name} ${percent.trim()}`, room);
  const withNumbers = room >= bare.length + numbers.length + 14;
  const rest = room - bare.length - 3 - (withNumbers ? 26 : 0);
  const length = Math.max(4, Math.min(40, rest));
  const full = Math.round(Math.min(1, share) * length);
  const bar = `[${paint('green', '#'.repeat(full))}${'·'.repeat(length - full)}]`;
  return `${name.padEnd(nameWidth)} ${bar}${percent}${withNumbers ? `  ${numbers}` : ''}`;
}

function update(state: State, event: ProgressEvent): void {
  if (event.type === 'phase') {
    state.phase = event.name;
    return;
  }
  if (event.type === 'layers') {
    const fresh = { blobBytes: 0, bytes: 0, entries: 0, state: 'waiting' } as const;
    state.layers = event.layers.map(({ digest, size }) => ({ digest, size, ...fresh }));
    return;
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
