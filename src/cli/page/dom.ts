import { piecesOf } from './names.js';

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Creates an element. Text is only ever set as text: nothing in the data becomes markup.
 *
 * @param attributes true: the attribute is empty; false and undefined: it is missing
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) target.removeAttribute(name);
    else target.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Returns the element of the page with an ID, which must be there. */
export function byId<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Returns a name with its odd characters as marked escape sequences. Text from right to left stays within the name. */
export function nameElement(name: string): HTMLElement {
  const pieces = piecesOf(name).map(({ text, isEscape }) =>
    isEscape
      ? element('span', { class: 'escape', title: 'a character that is shown as its code' }, text)
      : text,
  );
  return element('bdi', { class: 'name', dir: 'ltr' }, ...pieces);
}

/** Returns text that only screen readers get. */
export function hiddenText(text: string): HTMLElement {
  return element('span', { class: 'hidden' }, text);
}
