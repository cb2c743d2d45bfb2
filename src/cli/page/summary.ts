import type { PageData, PageDifference } from '../../engine/inspect/page-data.js';
import { byId, element } from './dom.js';
import { plainName } from './names.js';
import { formatBytes, formatCount, formatCounted, formatPercent } from './words.js';

/** Fills in the head of the page: the name of the image and its figures. */
export function showSummary(data: PageData): void {
  const name = plainName(data.name);
  document.title = `${name} – layerhook inspect`;
  byId('image').textContent = name;
  byId('digest').textContent = data.digest;
  if (data.difference !== undefined) byId('against').textContent = againstText(data, data.difference);
  const { layers, paths, bytes, compressed, uncompressed, wastedBytes, wastedPercent, efficiency } = data;
  byId('figures').append(
    ...figure('Files', formatBytes(bytes), formatCounted(paths, 'paths')),
    ...figure('Compressed', formatBytes(compressed), `${formatBytes(uncompressed)} as tars`),
    ...figure('Layers', formatCount(layers.length), sharedText(data)),
    ...figure('Wasted', formatBytes(wastedBytes), `${formatPercent(wastedPercent)} of all bytes`),
    ...figure('Efficiency', formatPercent(efficiency), efficiencyMeter(efficiency)),
  );
}

function againstText({ bytes, paths }: PageData, other: PageDifference): string {
  const size = moreOrLess(bytes - other.bytes, formatBytes, 'larger', 'smaller', 'same size');
  const count = moreOrLess(paths - other.paths, formatCount, 'more paths', 'fewer paths', 'as many paths');
  return `compared with ${plainName(other.name)}: ${size}, ${count}`;
}

function moreOrLess(
  difference: number,
  format: (amount: number) => string,
  ...[more, less, same]: [string, string, string]
): string {
  if (difference === 0) return same;
  return `${format(Math.abs(difference))} ${difference > 0 ? more : less}`;
}

function figure(label: string, value: string, more: string | HTMLElement): HTMLElement[] {
  return [
    element(
      'div',
      { class: 'figure' },
      element('dt', {}, label),
      element('dd', {}, element('strong', {}, value), element('small', {}, more)),
    ),
  ];
}

function sharedText({ layers, difference }: PageData): string {
  if (difference === undefined) return '';
  const shared = layers.filter(({ isShared }) => isShared).length;
  return `${formatCount(shared)} shared`;
}

/** A bar beside the figure, which screen readers need not read twice. */
function efficiencyMeter(efficiency: number): HTMLElement {
  const fill = element('span');
  fill.style.width = `${efficiency * 100}%`;
  return element('span', { class: 'meter', 'aria-hidden': 'true' }, fill);
}
