import type { Cell } from './cells.js';
import { element, hiddenText, nameElement, setAttributes } from './dom.js';
import { plainName } from './names.js';
import type { Box } from './squarify.js';
import { formatBytes, formatPercent, hueOf, markTexts } from './words.js';

/** What the treemap shows of a path. */
export interface CellText {
  name: string;
  path: string;
  bytes: number;
  /** share of the bytes of the directory that the treemap shows */
  share: number;
  /** the mark of most bytes; 0 if the colours tell the layer instead */
  mark: number;
  isDirectory: boolean;
  /** the layer that brings most bytes; undefined if the colours tell the change instead, and for a frame */
  layer: number | undefined;
}

export interface TreemapEvents {
  /** Lays out the cells in a box. */
  layOut(box: Box): Cell[];
  describe(cell: Cell): CellText;
  onSelect(path: number): void;
  /** Called to show a directory alone. */
  onZoom(path: number): void;
  onZoomOut(): void;
}

/** The size of a cell in which a line of text fits, in pixels. */
const forName = { width: 34, height: 16 };
const forSize = { width: 60, height: 34 };
/** The width of a frame in which the name and the size fit on one line. */
const forBoth = 96;

/** A treemap of buttons. One of them is in the tab order; arrow keys move to the others, from the largest to the smallest. */
export class Treemap {
  readonly #box: HTMLElement;
  readonly #events: TreemapEvents;
  #cells: Cell[] = [];
  #buttons: HTMLButtonElement[] = [];
  #selected = 0;

  constructor(box: HTMLElement, events: TreemapEvents) {
    this.#box = box;
    this.#events = events;
    box.addEventListener('keydown', (event) => this.#onKey(event));
    box.addEventListener('click', ({ target }) => this.#onClick(target as Element));
    box.addEventListener('focusin', ({ target }) => this.#rove(target as HTMLElement));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#box;
    if (width === 0 || height === 0) return;
    const hadFocus = this.#box.contains(document.activeElement);
    this.#cells = this.#events.layOut({ x: 0, y: 0, width, height });
    this.#buttons = this.#cells.map((cell) => createCell(cell, this.#events.describe(cell)));
    this.#box.replaceChildren(...this.#buttons);
    if (this.#cells.length === 0)
      this.#box.append(element('p', { class: 'empty' }, 'Nothing here takes up space.'));
    this.select(this.#selected);
    if (hadFocus) this.#box.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  /** Marks the cell of a path, if there is one. */
  select(path: number): void {
    this.#selected = path;
    for (const [at, { path: own }] of this.#cells.entries())
      setAttributes(this.#buttons[at]!, { 'aria-pressed': own === path ? 'true' : 'false' });
    const at = this.#cells.findIndex(({ path: own }) => own === path);
    this.#rove(this.#buttons[Math.max(0, at)]);
  }

  #rove(to: HTMLElement | undefined): void {
    for (const button of this.#buttons) button.tabIndex = button === to ? 0 : -1;
  }

  #onClick(target: Element): void {
    const cell = this.#cells[this.#buttons.findIndex((button) => button.contains(target))];
    if (cell === undefined) return;
    if (this.#events.describe(cell).isDirectory) this.#events.onZoom(cell.path);
    else this.#events.onSelect(cell.path);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = this.#buttons.indexOf(event.target as HTMLButtonElement);
    const moves: Readonly<Record<string, number>> = {
      ...{ ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1 },
      ...{ Home: 0, End: this.#buttons.length - 1 },
    };
    const move = moves[event.key];
    if (move !== undefined) this.#buttons[Math.max(0, Math.min(this.#buttons.length - 1, move))]?.focus();
    else if (event.key === 'Escape' || event.key === 'Backspace') this.#events.onZoomOut();
    else return;
    event.preventDefault();
  }
}

function createCell({ x, y, width, height, isFrame }: Cell, text: CellText): HTMLButtonElement {
  const { name, path, bytes, share, mark, layer, isDirectory } = text;
  const hue = layer === undefined ? undefined : hueOf(layer);
  const { sign, word, className } = markTexts[mark]!;
  const button = element('button', {
    ...{ type: 'button', tabindex: -1 },
    class: `cell ${className} ${isFrame ? 'frame' : ''} ${hue === undefined ? '' : 'hued'}`,
  });
  const { style } = button;
  style.left = `${x}px`;
  style.top = `${y}px`;
  style.width = `${width}px`;
  style.height = `${height}px`;
  if (hue !== undefined) style.setProperty('--hue', String(hue));
  const mostly = isDirectory ? 'mostly ' : '';
  const facts = [
    plainName(path),
    ...(isDirectory ? ['directory'] : []),
    ...(mark === 0 ? [] : [mostly + word]),
    `${formatBytes(bytes)}, ${formatPercent(share)}`,
    ...(layer === undefined ? [] : [`${mostly}layer ${layer}`]),
  ].join(', ');
  button.title = facts;
  if (width >= forName.width && height >= forName.height) {
    const signs = sign === '' ? [] : [element('b', { 'aria-hidden': 'true' }, `${sign} `)];
    const line = [...signs, nameElement(name), isDirectory ? '/' : ''];
    button.append(element('span', { class: 'title' }, ...line));
    if (isFrame ? width >= forBoth : width >= forSize.width && height >= forSize.height)
      button.append(element('span', { class: 'bytes' }, formatBytes(bytes)));
  }
  button.append(hiddenText(`: ${facts}`));
  return button;
}
