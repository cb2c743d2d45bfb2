import { byId, element } from './dom.js';
import type { Filter, Order } from './listing.js';
import type { Model } from './model.js';
import { plainName } from './names.js';
import type { View, ViewName } from './views.js';
import { formatCount, markTexts } from './words.js';

export interface ControlEvents {
  onView(name: ViewName): void;
  onFilter(): void;
  onOrder(): void;
  onOpenAll(): void;
  onCloseAll(): void;
}

/** Marks that each view can have. */
const marksOf: Readonly<Record<ViewName, readonly number[]>> = {
  image: [0, 1, 2],
  layer: [1, 2, 3],
  wasted: [2, 3],
  difference: [1, 2, 3],
};

/** The controls above the tree: views, filter, order. */
export class Controls {
  readonly #query = byId<HTMLInputElement>('query');
  readonly #order = byId<HTMLSelectElement>('order');
  readonly #events: ControlEvents;
  #view: ViewName = 'image';
  /** marks that the user switched off */
  #unwanted = new Set<number>();

  constructor(events: ControlEvents) {
    this.#events = events;
    byId('views').addEventListener('change', ({ target }) =>
      events.onView((target as HTMLInputElement).value as ViewName),
    );
    this.#query.addEventListener('input', () => events.onFilter());
    this.#query.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' || event.key === 'ArrowDown' || event.key === 'Enter') this.#leave(event);
    });
    byId('tree').addEventListener('keydown', (event) => {
      if (event.key !== '/') return;
      event.preventDefault();
      this.#query.select();
    });
    this.#order.addEventListener('change', () => events.onOrder());
    byId('open-all').addEventListener('click', () => events.onOpenAll());
    byId('close-all').addEventListener('click', () => events.onCloseAll());
  }

  get order(): Order {
    return this.#order.value as Order;
  }

  filter(): Filter {
    const wanted = marksOf[this.#view];
    return {
      query: this.#query.value,
      marks: markTexts.map((_, mark) => wanted.includes(mark) && !this.#unwanted.has(mark)),
    };
  }

  /** Shows which view is open, and the switches for its marks. */
  showView({ data }: Model, view: View, name: ViewName, layer: number): void {
    this.#view = name;
    byId('view-difference').hidden = data.difference === undefined;
    byId<HTMLInputElement>(`is-${name}`).checked = true;
    const last = data.layers.length - 1;
    byId('explanation').textContent = {
      image: `${layer === last ? 'All files of the image' : `The files after layer ${layer}`}. Marks show what layer ${layer} added and changed.`,
      layer: `What layer ${layer} adds, changes and deletes. A deleted file counts with the bytes that it had.`,
      wasted: `Bytes of files that ${layer === last ? 'later layers' : `layers up to ${layer}`} replace or delete: they are in the image, and no container sees them.`,
      difference: `What was added, changed and deleted since ${plainName(data.difference?.name ?? '')}. Bytes are those of added and deleted files, and of changed content.`,
    }[name];
    byId('legend').textContent = name === 'image' ? 'colour: layer' : 'colour: change';
    this.#showSwitches(view);
  }

  #showSwitches({ mark, isShown }: View): void {
    const counts = [0, 0, 0, 0];
    for (let path = 0; path < mark.length; path++) if (isShown[path] === 1) counts[mark[path]!]!++;
    byId('marks').replaceChildren(...marksOf[this.#view].map((at) => this.#switch(at, counts[at]!)));
  }

  #switch(mark: number, count: number): HTMLElement {
    const { sign, label, className } = markTexts[mark]!;
    const button = element(
      'button',
      { type: 'button', class: 'chip', 'aria-pressed': String(!this.#unwanted.has(mark)) },
      element('span', { class: `mark ${className}`, 'aria-hidden': 'true' }, sign),
      `${label} `,
      element('span', { class: 'count' }, formatCount(count)),
    );
    button.addEventListener('click', () => {
      if (!this.#unwanted.delete(mark)) this.#unwanted.add(mark);
      button.setAttribute('aria-pressed', String(!this.#unwanted.has(mark)));
      this.#events.onFilter();
    });
    return button;
  }

  /** Goes from the filter to the tree; Escape removes the query. */
  #leave(event: KeyboardEvent): void {
    event.preventDefault();
    if (event.key === 'Escape' && this.#query.value !== '') {
      this.#query.value = '';
      this.#events.onFilter();
    } else byId('tree').focus();
  }
}
