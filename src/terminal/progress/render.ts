import type { Phase, Work } from '../../engine/progress.js';
import { formatCounted } from '../../text/counted.js';
import type { Painter } from '../paint.js';
import { fit, formatBytes, formatSeconds, shortDigest } from '../quantities.js';
import type { LayerState, ProgressState } from './state.js';

/** Largest number of bars of single layers. The total line covers the other layers. */
const shownLayers = 8;
/** Speed and time left are guesses before this time, in ms. */
const reliable = 1000;

const phases: Readonly<Record<Phase, string>> = {
  assemble: 'assembling the rootfs',
  mtree: 'writing the mtree',
  delta: 'looking for changes',
  layer: 'packing the layer',
  reachable: 'reading manifests',
  leftovers: 'removing leftovers',
};

const works: Readonly<Record<Work, { name: string; unit: string }>> = {
  pack: { name: 'packing the layer', unit: 'files' },
  archive: { name: 'archiving', unit: 'files' },
  sweep: { name: 'removing blobs', unit: 'blobs' },
  free: { name: 'removing layers', unit: 'files' },
};

interface BarLine {
  name: string;
  /** share of the work that is done, from 0 to 1; undefined if the whole is unknown */
  share: number | undefined;
  /** the most important first */
  numbers: string[];
}

/**
 * Returns the lines that show a state, each at most `width` - 1 wide: a bar for each active layer, and one for the total.
 *
 * @param now as performance.now()
 */
export function renderProgress(state: ProgressState, width: number, paint: Painter, now: number): string[] {
  const lines = linesOf(state, now - state.began);
  if (lines.length === 0)
    return state.phase === undefined ? [] : [fit(`${phases[state.phase]} …`, width - 1)];
  const nameWidth = Math.max(...lines.map(({ name }) => name.length));
  // in steps of 4: the bars would change their length with each digit
  const reserved = Math.ceil(Math.max(...lines.map(({ numbers }) => textOf(numbers).length)) / 4) * 4;
  const bar = Math.max(0, Math.min(40, width - 1 - nameWidth - around - reserved));
  return lines.map((line) => lineText({ ...line, name: line.name.padEnd(nameWidth) }, bar, width - 1, paint));
}

function linesOf({ layers, work, phase }: ProgressState, elapsed: number): BarLine[] {
  if (work !== undefined) {
    const { name, unit } = works[work.name];
    const share = work.total === 0 ? undefined : Math.min(1, work.done / work.total);
    return [{ name, share, numbers: [...sizes(work, unit), ...pace(work.bytes, share, elapsed)] }];
  }
  if (layers.length === 0) return [];
  const active = layers.filter(({ state }) => state === 'active');
  const lines = active.slice(0, shownLayers).map((layer): BarLine => {
    const share = layer.size === 0 ? 1 : layer.blobBytes / layer.size;
    const name = `layer ${layers.indexOf(layer) + 1}/${layers.length} ${shortDigest(layer.digest)}`;
    const numbers = sizes(layer, 'files');
    return {
      name,
      share,
      numbers: layers.length > 1 ? numbers : [...numbers, ...pace(layer.bytes, share, elapsed)],
    };
  });
  // a single layer is the total
  if (layers.length > 1 || lines.length === 0) lines.push(totalLine(layers, phase, elapsed));
  return lines;
}

function totalLine(layers: readonly LayerState[], phase: Phase | undefined, elapsed: number): BarLine {
  const finished = layers.filter(({ state }) => state === 'done' || state === 'skipped');
  const sum = (of: (layer: LayerState) => number) => layers.reduce((total, layer) => total + of(layer), 0);
  const size = sum((layer) => layer.size);
  const name = phase === undefined ? `total ${finished.length}/${layers.length} layers` : phases[phase];
  const share = size === 0 ? 1 : sum((layer) => layer.blobBytes) / size;
  const bytes = sum((layer) => layer.bytes);
  const numbers = sizes({ bytes, entries: sum((layer) => layer.entries) }, 'files');
  return { name, share, numbers: [...numbers, ...pace(bytes, share, elapsed)] };
}

function sizes({ bytes, entries }: { bytes: number; entries: number }, unit: string): string[] {
  return [formatBytes(bytes), formatCounted(entries, unit)];
}

/** Returns the speed and the time left, both at the average speed so far. */
function pace(bytes: number, share: number | undefined, elapsed: number): string[] {
  if (elapsed < reliable) return [];
  const speed = `${formatBytes(bytes / (elapsed / 1000))}/s`;
  if (share === undefined || share === 0 || share === 1) return [speed];
  return [speed, `${formatSeconds((elapsed / 1000) * (1 / share - 1))} left`];
}

/** Width of ` [`, `]` and the percentage around a bar. */
const around = 7;
const smallestBar = 4;

/** Returns `name [####    ] 45%  12.3 MB  1,234 files`. If the room is too small, drops the last numbers, next the bar. */
function lineText({ name, share, numbers }: BarLine, bar: number, room: number, paint: Painter): string {
  const percent = share === undefined ? '' : `${Math.floor(Math.min(1, share) * 100)}%`.padStart(4);
  const needed = share === undefined ? name.length : name.length + around + smallestBar;
  const shown = [...numbers];
  while (shown.length > 0 && needed + textOf(shown).length > room) shown.pop();
  if (needed > room) return fit(`${name.trimEnd()} ${percent.trim()}`.trimEnd(), room);
  if (share === undefined) return `${name}${textOf(shown)}`;
  const length = Math.max(smallestBar, bar);
  const full = Math.round(Math.min(1, share) * length);
  return `${name} [${paint('green', '#'.repeat(full))}${'·'.repeat(length - full)}]${percent}${textOf(shown)}`;
}

function textOf(numbers: readonly string[]): string {
  return numbers.map((number) => `  ${number}`).join('');
}
