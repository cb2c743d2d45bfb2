import { element, hiddenText, nameElement, setAttributes } from './dom.js';
import type { Rows } from './listing.js';
import { plainName } from './names.js';
import { markTexts } from './words.js';

/** What the tree shows of a path. */
export interface Row {
  name: string;
  /** number of directories above, and the path of the nearest one */
  depth: number;
  above: number;
  mark: number;
  /** True for a directory without a mark of its own in which something is marked. */
  hasMark: boolean;
  isDirectory: boolean;
  /** undefined for a path without children in the view */
  isOpen: boolean | undefined;
  /** of a symlink */
  target: string | undefined;
  /** such as `hardlink`; may be empty */
  note: string;
  /** text in front of the columns for screen readers, and the columns */
  columns: readonly { className: string; label: string; text: string }[];
  /** share of the bytes of the view, from 0 to 1 */
  share: number;
}

export interface TreeEvents {
  describe(path: number): Row;
  nameOf(path: number): string;
  onSelect(path: number): void;
  onToggle(path: number, isOpen: boolean): void;
  /** Called for the key `*`: open all siblings. */
  onOpenSiblings(path: number): void;
}

/** Number of rows that exist above and below the visible ones, so that a fast scroll shows no gaps. */
const spare = 8;
/** Time in which typed letters belong to one word, in milliseconds. */
const typingTime = 700;

/**
 * A tree of any number of rows. Only the visible ones exist as elements. The keys are those of the tree view pattern
 * of the ARIA Authoring Practices Guide. The tree itself has the focus, and names its active row by aria-activedescendant,
 * because the element of a row disappears when the row is scrolled out of view.
 */
export class Tree {
  readonly #box: HTMLElement;
  readonly #sheet: HTMLElement;
  readonly #events: TreeEvents;
  #rows: Rows = { path: [], position: [], siblings: [], rowOf: new Map() };
  #elements = new Map<number, HTMLElement>();
  #selected = 0;
  #height = 24;
  #typed = '';
  #typedAt = 0;

  /** @param box the scrolling element with the role `tree` */
  constructor(box: HTMLElement, events: TreeEvents) {
    this.#box = box;
    this.#events = events;
    this.#sheet = element('div', { class: 'sheet', role: 'presentation' });
    box.append(this.#sheet);
    box.addEventListener('scroll', () => this.#draw(), { passive: true });
    box.addEventListener('keydown', (event) => this.#onKey(event));
    box.addEventListener('click', (event) => this.#onClick(event));
    new ResizeObserver(() => this.#draw()).observe(box);
  }

  /** Replaces the rows. The selected path stays selected, or the nearest directory above that is visible. */
  show(rows: Rows, selected: number): void {
    this.#rows = rows;
    this.#selected = selected;
    this.#height = Number.parseFloat(getComputedStyle(this.#box).getPropertyValue('--row'));
    this.#sheet.style.height = `${rows.path.length * this.#height}px`;
    this.#elements = new Map();
    this.#sheet.replaceChildren();
    this.#draw();
  }

  select(path: number): void {
    this.#selected = path;
    this.#reveal();
    this.#draw();
  }

  /** Scrolls so that the selected row is visible. */
  #reveal(): void {
    const top = (this.#rows.rowOf.get(this.#selected) ?? 0) * this.#height;
    const { scrollTop, clientHeight } = this.#box;
    if (top < scrollTop) this.#box.scrollTop = top;
    else if (top + this.#height > scrollTop + clientHeight)
      this.#box.scrollTop = top + this.#height - clientHeight;
  }

  /** Makes the elements of the visible rows, keeps those that exist already, and removes the others. */
  #draw(): void {
    const { scrollTop, clientHeight } = this.#box;
    const first = Math.max(0, Math.floor(scrollTop / this.#height) - spare);
    const last = Math.min(
      this.#rows.path.length,
      Math.ceil((scrollTop + clientHeight) / this.#height) + spare,
    );
    const visible = new Map<number, HTMLElement>();
    for (let row = first; row < last; row++) {
      const path = this.#rows.path[row]!;
      const item = this.#elements.get(path) ?? this.#create(path, row);
      setAttributes(item, { 'aria-selected': path === this.#selected ? 'true' : 'false' });
      visible.set(path, item);
    }
    for (const [path, item] of this.#elements) if (!visible.has(path)) item.remove();
    this.#elements = visible;
    const active = visible.has(this.#selected) ? idOf(this.#selected) : undefined;
    setAttributes(this.#box, { 'aria-activedescendant': active });
  }

  #create(path: number, row: number): HTMLElement {
    const item = createRow(path, this.#events.describe(path));
    setAttributes(item, {
      'aria-posinset': this.#rows.position[row],
      'aria-setsize': this.#rows.siblings[row],
    });
    item.style.top = `${row * this.#height}px`;
    // in the order of the rows, which is the order that screen readers read in
    const next = this.#rows.path.slice(row + 1, row + 100).find((below) => this.#elements.has(below));
    this.#sheet.insertBefore(item, next === undefined ? null : this.#elements.get(next)!);
    return item;
  }

  #onClick({ target }: MouseEvent): void {
    const item = (target as Element).closest<HTMLElement>('[role=treeitem]');
    if (item === null) return;
    const path = Number(item.dataset.path);
    this.#events.onSelect(path);
    const open = item.getAttribute('aria-expanded');
    if (open !== null) this.#events.onToggle(path, open === 'false');
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const row = this.#rows.rowOf.get(this.#selected) ?? 0;
    const page = Math.max(1, Math.floor(this.#box.clientHeight / this.#height) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: row + 1,
      ArrowUp: row - 1,
      PageDown: row + page,
      PageUp: row - page,
      Home: 0,
      End: this.#rows.path.length - 1,
    };
    const move = moves[event.key];
    if (move !== undefined) this.#moveTo(move);
    else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') this.#sideways(row, event.key);
    else if (event.key === 'Enter' || event.key === ' ') this.#toggle();
    else if (event.key === '*') this.#events.onOpenSiblings(this.#selected);
    else if (event.key.length === 1 && event.key !== '/') this.#type(row, event.key);
    else return;
    event.preventDefault();
  }

  #moveTo(row: number): void {
    const path = this.#rows.path[Math.max(0, Math.min(this.#rows.path.length - 1, row))];
    if (path !== undefined && path !== this.#selected) this.#events.onSelect(path);
  }

  /** Right opens a directory, or goes into it; left closes it, or goes to the one above. */
  #sideways(row: number, key: string): void {
    const { isOpen, depth, above } = this.#events.describe(this.#selected);
    const isRight = key === 'ArrowRight';
    if (isOpen !== undefined && isOpen !== isRight) this.#events.onToggle(this.#selected, isRight);
    else if (isRight && isOpen) this.#moveTo(row + 1);
    else if (!isRight && depth > 0) this.#moveTo(this.#rows.rowOf.get(above)!);
  }

  #toggle(): void {
    const { isOpen } = this.#events.describe(this.#selected);
    if (isOpen !== undefined) this.#events.onToggle(this.#selected, !isOpen);
  }

  /** Goes to the next row whose name begins with the typed letters. */
  #type(row: number, key: string): void {
    const now = performance.now();
    const isSame = now - this.#typedAt < typingTime;
    this.#typed = (isSame ? this.#typed : '') + key.toLowerCase();
    this.#typedAt = now;
    const start = this.#typed.length === 1 ? row + 1 : row;
    const { path } = this.#rows;
    for (let step = 0; step < path.length; step++) {
      const at = (start + step) % path.length;
      if (!this.#events.nameOf(path[at]!).toLowerCase().startsWith(this.#typed)) continue;
      this.#moveTo(at);
      return;
    }
  }
}

function idOf(path: number): string {
  return `path-${path}`;
}

function createRow(path: number, row: Row): HTMLElement {
  const { sign, word, className } = markTexts[row.mark]!;
  const mark =
    row.mark === 0 && row.hasMark
      ? element('span', { class: 'mark inside', title: 'contains changes' }, hiddenText('contains changes, '))
      : element(
          'span',
          { class: `mark ${className}`, title: row.mark === 0 ? undefined : word },
          element('span', { 'aria-hidden': 'true' }, sign),
          ...(row.mark === 0 ? [] : [hiddenText(`${word}, `)]),
        );
  const twisty = element('span', { class: 'twisty', 'aria-hidden': 'true' });
  const label = element('span', { class: 'label' }, nameElement(row.name));
  if (row.isDirectory) label.append(element('span', { class: 'slash', 'aria-hidden': 'true' }, '/'));
  if (row.target !== undefined)
    label.append(element('span', { class: 'target' }, hiddenText(' symlink to '), nameElement(row.target)));
  if (row.note !== '') label.append(element('span', { class: 'note' }, row.note));
  const item = element(
    'div',
    {
      ...{ class: `row ${className}`, role: 'treeitem', id: idOf(path), 'data-path': path },
      ...{
        'aria-level': row.depth + 1,
        'aria-expanded': row.isOpen === undefined ? undefined : String(row.isOpen),
      },
      title: plainName(row.name),
    },
    mark,
    twisty,
    label,
    ...row.columns.map(({ className: column, label: meaning, text }) =>
      element('span', { class: `column ${column}` }, hiddenText(text === '' ? '' : `, ${meaning} `), text),
    ),
  );
  item.style.setProperty('--depth', String(Math.min(row.depth, 24)));
  item.style.setProperty('--share', String(row.share));
  return item;
}
