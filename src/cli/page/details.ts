import { byId, element, nameElement } from './dom.js';
import type { Listing } from './listing.js';
import { changeAt, componentsOf, fieldsOf, type Model } from './model.js';
import { plainName } from './names.js';
import type { View } from './views.js';
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatMode,
  markTexts,
  shortCommand,
  typeWord,
} from './words.js';

/** Shows what is known of one path: its file, its history in the layers, and its difference to the other image. */
export function showDetails(model: Model, view: View, listing: Listing, path: number): void {
  const change = fileChange(model, view, path);
  byId('details').replaceChildren(
    pathElement(model, path),
    element('dl', {}, ...facts(model, listing, path, change)),
    ...differenceLine(model, path),
    ...history(model, path),
  );
}

/** Returns the change that describes the file: that of the view, else the last one. */
function fileChange(model: Model, view: View, path: number): number {
  const own = view.change[path]!;
  return own >= 0 ? own : changeAt(model, path, model.data.layers.length);
}

function pathElement(model: Model, path: number): HTMLElement {
  const components = componentsOf(model, path).flatMap((name) => [
    element('span', { class: 'slash' }, '/'),
    element('wbr'),
    nameElement(name),
  ]);
  return element('p', { class: 'path' }, ...(path === 0 ? ['/'] : components));
}

function facts(model: Model, { size, count }: Listing, path: number, change: number): HTMLElement[] {
  const rows: [string, string | HTMLElement][] = [];
  const type = change < 0 ? 1 : model.type[change]!;
  rows.push(['Type', typeWord(type)]);
  if (type === 1)
    rows.push(['In this view', `${formatBytes(size[path]!)} in ${formatCounted(count[path]!, 'paths')}`]);
  if (change >= 0) {
    if (type === 0 && model.kind[change] !== 2) rows.push(['Size', bytesText(model.size[change]!)]);
    const [mode, uid, gid] = model.data.attributes[model.attribute[change]!]!;
    rows.push(['Mode', `${formatMode(type, mode)} (${mode.toString(8).padStart(4, '0')})`]);
    rows.push(['Owner', `${uid}:${gid}`]);
    const target = model.target.get(change);
    if (target !== undefined) rows.push(['Target', nameElement(target)]);
    if (model.link.has(change)) rows.push(['Names', 'several: a hardlink']);
  }
  return rows.map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, value)));
}

function bytesText(bytes: number): string {
  return bytes < 1000 ? formatBytes(bytes) : `${formatBytes(bytes)} (${formatCount(bytes)} bytes)`;
}

function differenceLine(model: Model, path: number): HTMLElement[] {
  const { difference } = model.data;
  const row = model.differenceOf.get(path);
  if (difference === undefined || row === undefined) return [];
  const mark = difference.kind[row]! + 1;
  const [before, after] = [difference.before[row]!, difference.after[row]!];
  const what = [
    fieldsOf(model, path).join(', '),
    ...(before !== after ? [`${formatBytes(before)} → ${formatBytes(after)}`] : []),
  ].filter((text) => text !== '');
  return [
    element('h3', {}, 'Difference'),
    element(
      'ol',
      { class: 'history' },
      historyLine(mark, `since ${plainName(difference.name)}`, what.join(' · ')),
    ),
  ];
}

function history(model: Model, path: number): HTMLElement[] {
  const [first, end] = [model.firstChange[path]!, model.firstChange[path + 1]!];
  if (first === end) return [];
  const lines: HTMLElement[] = [];
  for (let change = first; change < end; change++) {
    const layer = model.layer[change]!;
    const isFile = model.type[change] === 0 && model.kind[change] !== 2;
    const title = `layer ${layer}${isFile ? ` · ${formatBytes(model.size[change]!)}` : ''}`;
    const command = plainName(shortCommand(model.data.layers[layer]!.createdBy));
    lines.push(historyLine(model.kind[change]! + 1, title, command));
  }
  return [element('h3', {}, 'History'), element('ol', { class: 'history' }, ...lines)];
}

function historyLine(mark: number, title: string, more: string): HTMLElement {
  const { sign, word, className } = markTexts[mark]!;
  return element(
    'li',
    {},
    element('span', { class: `mark ${className}`, 'aria-hidden': 'true' }, sign),
    element('span', {}, element('strong', {}, word), ` · ${title}`, element('span', { class: 'more' }, more)),
  );
}
