import type { PageData, PageLayer } from '../../engine/inspect/page-data.js';
import { byId, element, hiddenText } from './dom.js';
import { plainName } from './names.js';
import { formatBytes, formatCount, hueOf, markTexts, shortCommand } from './words.js';

/** Shows the layers as radio buttons, which the browser moves between with arrow keys. */
export function showLayers(data: PageData, chosen: number, onChoose: (layer: number) => void): void {
  const largest = Math.max(1, ...data.layers.map(({ uncompressed }) => uncompressed));
  const rows = data.layers.map((layer, at) => layerRow(layer, at, largest, at === chosen));
  if (rows.length === 0) rows.push(element('p', { class: 'empty' }, 'The image has no layers.'));
  byId('layers').append(...rows);
  byId('layers').addEventListener('change', ({ target }) =>
    onChoose(Number((target as HTMLInputElement).value)),
  );
}

function layerRow(layer: PageLayer, at: number, largest: number, isChosen: boolean): HTMLElement {
  const { added, changed, deleted, uncompressed, compressed, wasted, isShared, createdBy } = layer;
  const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
  bar.style.setProperty('--hue', String(hueOf(at)));
  bar.style.setProperty('--share', String(uncompressed / largest));
  const command = plainName(shortCommand(createdBy));
  const notes = [
    ...(wasted > 0 ? [element('span', { class: 'note' }, `${formatBytes(wasted)} wasted`)] : []),
  ];
  return element(
    'label',
    { class: 'layer', title: plainName(createdBy ?? '') },
    element('input', { type: 'radio', name: 'layer', value: at, checked: isChosen }),
    element(
      'span',
      { class: 'line' },
      element('span', { class: 'number' }, hiddenText('layer '), String(at)),
      bar,
      ...(isShared ? [element('span', { class: 'note' }, 'shared')] : []),
      element(
        'span',
        { class: 'size', title: `${formatBytes(compressed)} compressed` },
        formatBytes(uncompressed),
      ),
    ),
    element('code', { class: 'command' }, command),
    element(
      'span',
      { class: 'line' },
      ...[added, changed, deleted].map(({ count, bytes }, kind) => amount(kind + 1, count, bytes)),
      ...notes,
    ),
  );
}

function amount(mark: number, count: number, bytes: number): HTMLElement {
  const { sign, word, className } = markTexts[mark]!;
  return element(
    'span',
    { class: count === 0 ? 'amount zero' : `amount ${className}`, title: `${word}: ${formatBytes(bytes)}` },
    element('span', { 'aria-hidden': 'true' }, sign),
    formatCount(count),
    hiddenText(` ${word}, `),
  );
}
